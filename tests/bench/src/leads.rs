//! The leads that are posted: full calls as a tracking service knows them, each with its own id, and how an id is
//! found again in what arrives.

use bytes::{BufMut as _, Bytes, BytesMut};
use serde_json::json;

/// Ids of leads have 19 digits, as the real ones do; the index of a lead is what its id is above this.
const FIRST_ID: u64 = 1_500_000_000_000_000_000;
/// How many digits the number in phones and sessions has.
const NUMBER_MODULUS: u64 = 10_000_000;
/// Spreads neighbouring leads over the numbers, so that clients do not come in order. Odd and no multiple of 5, so
/// that no two of the first [`NUMBER_MODULUS`] leads share a number.
const NUMBER_STEP: u64 = 6_180_343;

const ID_MARK: &str = "<lead>";
const NUMBER_MARK: &str = "<number>";

/// Makes the body of any lead's `call.ended` by its index.
pub(crate) struct Leads {
    pieces: Vec<Piece>,
}

enum Piece {
    Fixed(Vec<u8>),
    Id,
    Number,
}

impl Leads {
    /// Calls on this site; the same bodies in every process.
    pub(crate) fn new(site: &str) -> Self {
        let text = event(site).to_string();
        let mut pieces = Vec::new();
        let mut rest = text.as_str();
        while let Some((at, mark, piece)) = next_mark(rest) {
            pieces.push(Piece::Fixed(rest.as_bytes()[..at].to_vec()));
            pieces.push(piece);
            rest = &rest[at + mark.len()..];
        }
        pieces.push(Piece::Fixed(rest.as_bytes().to_vec()));
        Self { pieces }
    }

    /// The event of the lead with this index, as JSON.
    pub(crate) fn body(&self, index: usize) -> Bytes {
        let index = index as u64;
        let id = (FIRST_ID + index).to_string();
        let number = format!("{:07}", index.wrapping_mul(NUMBER_STEP) % NUMBER_MODULUS);
        let mut body = BytesMut::with_capacity(2_560);
        for piece in &self.pieces {
            match piece {
                Piece::Fixed(bytes) => body.put_slice(bytes),
                Piece::Id => body.put_slice(id.as_bytes()),
                Piece::Number => body.put_slice(number.as_bytes()),
            }
        }
        body.freeze()
    }
}

fn next_mark(text: &str) -> Option<(usize, &'static str, Piece)> {
    let id = text.find(ID_MARK).map(|at| (at, ID_MARK, Piece::Id));
    let number = text.find(NUMBER_MARK).map(|at| (at, NUMBER_MARK, Piece::Number));
    [id, number].into_iter().flatten().min_by_key(|(at, ..)| *at)
}

fn event(site: &str) -> serde_json::Value {
    json!({
        "id": format!("ended-{ID_MARK}"),
        "type": "call.ended",
        "site": site,
        "lead": {"type": "call", "id": ID_MARK},
        "time": "2026-03-02T12:48:31+03:00",
        "data": {
            "started_at": "2026-03-02T12:45:03+03:00",
            "callerphone": format!("8 (900) {NUMBER_MARK}"),
            "phonenumber": "79990000100",
            "redirectNumber": "79990000200",
            "pool": "dynamic",
            "duration": 194,
            "waiting_time": 14,
            "manager": "Анна Петрова",
            "rating": 4,
            "callUrl": "https://shop.example/windows/order",
            "callReferenceNumber": format!("ref-{NUMBER_MARK}"),
            "sip_call_id": format!("c0ffee{NUMBER_MARK}@pbx.example"),
            "orderId": format!("D-{NUMBER_MARK}"),
            "reclink": format!("https://records.example/{ID_MARK}.mp3"),
            "tags_auto_pn": ["Москва и область"],
            "tags_auto_pr": ["Целевой, без записи"],
            "tags_manual": ["Отдел продаж", "Замер"],
            "comment": [{"party": "Ирина", "comment": "Просит перезвонить завтра после обеда, нужен замер в субботу"}],
            "visits": [
                {
                    "at": "2026-02-27T19:02:44+03:00",
                    "sessionId": format!("680{NUMBER_MARK}"),
                    "url": "https://shop.example/?utm_source=telegram&utm_medium=social&utm_campaign=february",
                    "ref": "https://t.me/",
                    "hostname": "shop.example",
                },
                {
                    "at": "2026-03-02T12:41:10+03:00",
                    "sessionId": format!("681{NUMBER_MARK}"),
                    "url": "https://shop.example/windows?utm_source=yandex&utm_medium=cpc&utm_campaign=okna_msk\
                            &utm_content=ad_14&utm_term=%D0%BE%D0%BA%D0%BD%D0%B0&abtest=b",
                    "ref": "https://yandex.ru/",
                    "gcid": format!("12{NUMBER_MARK}.1772444470"),
                    "yaClientId": format!("177244447{NUMBER_MARK}"),
                    "hostname": "shop.example",
                    "attrs": {"roistat": "1009"},
                    "ip": "203.0.113.17",
                    "userAgent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 \
                                  (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1",
                    "city": "Москва",
                },
            ],
        },
    })
}

/// The index of the lead that a received body is about: `id` of a form or of its fields as JSON, or the lead's id of an
/// event.
pub(crate) fn index_in(body: &[u8]) -> Option<usize> {
    const IN_EVENT: &[u8] = br#""lead":{"type":"call","id":""#;
    const IN_FORM: &[u8] = b"&id=";
    const IN_FIELDS: &[u8] = br#""id":""#;
    let digits = match body.first()? {
        b'{' => after(body, IN_EVENT).or_else(|| after(body, IN_FIELDS))?,
        _ => body.strip_prefix(&IN_FORM[1..]).or_else(|| after(body, IN_FORM))?,
    };
    let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    let id: u64 = std::str::from_utf8(&digits[..end]).ok()?.parse().ok()?;
    usize::try_from(id.checked_sub(FIRST_ID)?).ok()
}

fn after<'a>(text: &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    let at = text.windows(mark.len()).position(|window| window == mark)?;
    Some(&text[at + mark.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lead_has_a_body_of_its_own_of_a_full_leads_size() {
        let leads = Leads::new("60001");
        for index in [0, 1, 7_654_321] {
            let body = leads.body(index);
            assert!((1_500..=2_500).contains(&body.len()), "{} bytes", body.len());
            let event: serde_json::Value = serde_json::from_slice(&body).unwrap();
            let id = (FIRST_ID + index as u64).to_string();
            assert_eq!(event["lead"]["id"], id);
            assert_eq!(event["id"], format!("ended-{id}"));
            let phone = event["data"]["callerphone"].as_str().unwrap();
            assert_eq!(phone.chars().filter(char::is_ascii_digit).count(), 11, "{phone}");
            assert_eq!(index_in(&body), Some(index));
        }
        assert_ne!(leads.body(1), leads.body(2));
    }

    #[test]
    fn a_lead_is_known_again_in_a_form() {
        for (body, index) in [
            ("leadtype=call&id=1500000000000000042&fio=", Some(42)),
            ("id=1500000000000000042", Some(42)),
            (r#"{"leadtype":"call","id":"1500000000000000042"}"#, Some(42)),
            ("leadtype=call&id=1000000001&x=1", None),
            ("leadtype=call&siteId=1500000000000000042", None),
            ("", None),
        ] {
            assert_eq!(index_in(body.as_bytes()), index, "{body}");
        }
    }
}
