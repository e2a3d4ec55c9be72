//! A name server whose names change what they say from one question to the next.

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{net::UdpSocket, task::JoinHandle};

/// The longest question that is read, in bytes (RFC 1035, 4.2.1).
const QUESTION_BYTES_MAX: usize = 512;
/// Where the question begins, after the header.
const HEADER_BYTES: usize = 12;
/// The type of an IPv4 address.
const TYPE_A: [u8; 2] = [0, 1];

/// What a name resolves to: one answer for each time it is asked, and the last one from then on.
pub type Answers = Vec<Vec<Ipv4Addr>>;

/// Answers by a script, over UDP and for IPv4 only, and says each time that it holds for no time at all. A name that it does
/// not know has no address. Ends when dropped.
#[derive(Debug)]
pub struct NameServer {
    asked: Arc<Mutex<BTreeMap<String, usize>>>,
    serving: JoinHandle<()>,
}

impl NameServer {
    /// Answers at this address.
    ///
    /// # Errors
    /// When the address is taken or may not be listened at.
    pub async fn start(at: SocketAddr, names: BTreeMap<&'static str, Answers>) -> io::Result<Self> {
        let socket = UdpSocket::bind(at).await?;
        let asked = Arc::<Mutex<BTreeMap<String, usize>>>::default();
        let counts = Arc::clone(&asked);
        let serving = tokio::spawn(async move {
            let mut bytes = [0; QUESTION_BYTES_MAX];
            while let Ok((length, from)) = socket.recv_from(&mut bytes).await {
                if let Some(question) = Question::read(&bytes[..length]) {
                    let answer = question.answer(&next(&names, &counts, &question));
                    // Whoever asked may be gone.
                    let _ = socket.send_to(&answer, from).await;
                }
            }
        });
        Ok(Self { asked, serving })
    }

    /// How many times this name's IPv4 addresses were asked for.
    pub fn asked(&self, name: &str) -> usize {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied().unwrap_or_default()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// What the name says this time.
fn next(
    names: &BTreeMap<&'static str, Answers>,
    counts: &Mutex<BTreeMap<String, usize>>,
    question: &Question<'_>,
) -> Vec<Ipv4Addr> {
    if question.kind != TYPE_A {
        return Vec::new();
    }
    let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
    let count = counts.entry(question.name.clone()).or_default();
    *count += 1;
    let answers = names.get(question.name.as_str());
    answers.and_then(|answers| answers.get(*count - 1).or(answers.last())).cloned().unwrap_or_default()
}

/// One question of a resolver.
struct Question<'a> {
    id: [u8; 2],
    name: String,
    kind: [u8; 2],
    /// Name, type and class as they came.
    whole: &'a [u8],
}

impl<'a> Question<'a> {
    /// The first question in these bytes; `None` where there is none whole.
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let id = bytes.first_chunk::<2>()?;
        let mut labels = Vec::new();
        let mut at = HEADER_BYTES;
        loop {
            let length = usize::from(*bytes.get(at)?);
            let label = bytes.get(at + 1..at + 1 + length)?;
            at += 1 + length;
            if label.is_empty() {
                break;
            }
            labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
        }
        let kind = bytes.get(at..)?.first_chunk::<2>()?;
        let whole = bytes.get(HEADER_BYTES..at + 4)?;
        Some(Self { id: *id, name: labels.join("."), kind: *kind, whole })
    }

    /// An answer without errors that says these addresses.
    fn answer(&self, addresses: &[Ipv4Addr]) -> Vec<u8> {
        let count = u8::try_from(addresses.len()).unwrap_or(u8::MAX);
        let mut answer = self.id.to_vec();
        // An answer to a recursive question, one question, so many answers, nothing else.
        answer.extend([0x81, 0x80, 0, 1, 0, count, 0, 0, 0, 0]);
        answer.extend(self.whole);
        for address in addresses.iter().take(count.into()) {
            // The name of the question, an IPv4 address of the Internet, for 0 seconds, of four bytes.
            answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
            answer.extend(address.octets());
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: &[u8] = b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\0\x03Crm\x07example\0\0\x01\0\x01";

    #[tokio::test]
    async fn a_name_says_one_thing_after_another_and_others_say_nothing() {
        let (one, two) = (Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2));
        let names = BTreeMap::from([("crm.example", vec![vec![one], vec![one, two]])]);
        let counts = Mutex::default();
        let asked = Question::read(ASKED).unwrap();
        assert_eq!(next(&names, &counts, &asked), [one]);
        assert_eq!(next(&names, &counts, &asked), [one, two]);
        assert_eq!(next(&names, &counts, &asked), [one, two]);
        let six = Question { kind: [0, 28], ..Question::read(ASKED).unwrap() };
        assert!(next(&names, &counts, &six).is_empty());
        let other = Question { name: "x.example".to_owned(), ..asked };
        assert!(next(&names, &counts, &other).is_empty());
    }

    #[test]
    fn an_answer_repeats_the_question_and_says_each_address() {
        let answer = Question::read(ASKED).unwrap().answer(&[Ipv4Addr::new(192, 0, 2, 1)]);
        assert_eq!(answer[..8], *b"\x12\x34\x81\x80\0\x01\0\x01");
        assert_eq!(answer[12..29], ASKED[12..]);
        assert_eq!(answer[29..], *b"\xc0\x0c\0\x01\0\x01\0\0\0\0\0\x04\xc0\0\x02\x01");
    }

    #[test]
    fn what_is_cut_off_is_no_question() {
        for length in 0..ASKED.len() {
            assert!(Question::read(&ASKED[..length]).is_none(), "{length} bytes");
        }
    }
}
