//! The examples of receivers take what is signed, refuse what is forged, and decode what they take; run where their interpreter is.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests end by panicking")]
#![allow(clippy::print_stderr, reason = "what is passed over is said aloud")]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use leadhook_core::{sign::signature, webhook::SigningSecret};
use leadhook_tests::root;
use serde_json::{Value, json};

const OLD: &str = "whsec_b2xkLXNlY3JldC1vbGQtc2VjcmV0LW9sZC1zZWNyZXQ=";
const NEW: &str = "whsec_bmV3LXNlY3JldC1uZXctc2VjcmV0LW5ldy1zZWNyZXQ=";
const FOREIGN: &str = "whsec_Zm9yZWlnbi1zZWNyZXQtZm9yZWlnbi1zZWNyZXQtZm8=";
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks whether it listens.
const PAUSE: Duration = Duration::from_millis(5);

/// What a lead looks like on the wire: nested names, an empty value, a list longer than ten.
fn pairs() -> String {
    let mut pairs = "id=15&fio=%D0%AF%D0%BD+%26+%2B&orderId=&comment%5B0%5D%5Bparty%5D=%D0%90\
                     &comment%5B0%5D%5Bcomment%5D=1%3D1&comment%5B1%5D%5Bparty%5D=B&comment%5B1%5D%5Bcomment%5D="
        .to_owned();
    for number in 0..12 {
        pairs += &format!("&text%5B{number}%5D%5Bchannel%5D=client&text%5B{number}%5D%5Bphrase%5D={number}");
    }
    pairs
}

/// The same lead decoded.
fn lead() -> Value {
    let text: Vec<_> =
        (0..12).map(|number| json!({"channel": "client", "phrase": number.to_string()})).collect();
    json!({
        "id": "15", "fio": "Ян & +", "orderId": "",
        "comment": [{"party": "А", "comment": "1=1"}, {"party": "B", "comment": ""}],
        "text": text,
    })
}

/// A receiver that runs; killed when dropped.
struct Running {
    child: Child,
    address: SocketAddr,
    printed: mpsc::Receiver<String>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// Starts it on a free port and waits until it takes connections; `None`, said aloud, without the interpreter.
    fn start(interpreter: &str, arguments: impl FnOnce(u16) -> Vec<String>) -> Option<Self> {
        if !Command::new(interpreter).arg("--version").output().is_ok_and(|output| output.status.success()) {
            eprintln!("SKIPPED: there is no `{interpreter}` here, so its receiver is not run");
            return None;
        }
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let mut child = Command::new(interpreter)
            .args(arguments(free.port()))
            .current_dir(root().join("examples/receivers"))
            .env("WEBHOOK_SECRETS", format!("{OLD} {NEW}"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        let (sender, printed) = mpsc::channel();
        std::thread::spawn(move || {
            let lines = BufReader::new(stdout).lines().map_while(Result::ok);
            // Only leads: a receiver may also say where it listens.
            lines.filter(|line| line.starts_with('{')).all(|line| sender.send(line).is_ok())
        });
        let running = Self { child, address: free, printed };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(running.address).is_err() {
            assert!(Instant::now() < deadline, "the receiver for {interpreter} does not listen");
            std::thread::sleep(PAUSE);
        }
        Some(running)
    }

    /// Sends one request and gives the status of the answer.
    fn send(&self, head: &str, headers: &[(&str, String)], body: &str) -> u16 {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut request = format!("{head} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += &format!("content-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect(&answer)
    }

    fn post(&self, headers: &[(&str, String)], body: &str) -> u16 {
        let kind = ("content-type", "application/x-www-form-urlencoded".to_owned());
        self.send("POST /hook?token=1", &[headers, &[kind]].concat(), body)
    }

    /// The next lead that it printed.
    fn lead(&self) -> Value {
        serde_json::from_str(&self.printed.recv_timeout(PATIENCE).expect("a lead is printed")).unwrap()
    }
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

/// The three headers of a request that was signed by these secrets.
fn signed(secrets: &[&str], at: i64, content: &str) -> Vec<(&'static str, String)> {
    let secrets: Vec<_> = secrets.iter().map(|secret| SigningSecret::parse(secret).unwrap()).collect();
    vec![
        ("webhook-id", "dlv_1".to_owned()),
        ("webhook-timestamp", at.to_string()),
        ("webhook-signature", signature(&secrets, "dlv_1", at, content.as_bytes()).unwrap()),
    ]
}

/// What every receiver has to do.
fn takes_the_genuine_and_refuses_the_forged(receiver: &Running) {
    let pairs = pairs();
    let genuine = signed(&[NEW], now(), &pairs);
    assert_eq!(receiver.post(&genuine, &pairs), 200);
    assert_eq!(receiver.lead(), lead(), "POST");
    let rotated = signed(&[FOREIGN, OLD], now(), &pairs);
    assert_eq!(receiver.post(&rotated, &pairs), 200, "any of several secrets is enough");
    assert_eq!(receiver.lead(), lead());
    assert_eq!(receiver.send(&format!("GET /hook?{pairs}"), &genuine, ""), 200);
    assert_eq!(receiver.lead(), lead(), "GET");

    let other_id = [vec![("webhook-id", "dlv_2".to_owned())], genuine[1..].to_vec()].concat();
    let garbage = [&genuine[..2], &[("webhook-signature", "v1, v1,!! v2,AAAA".to_owned())]].concat();
    let no_time = [&genuine[..1], &[("webhook-timestamp", "soon".to_owned())], &genuine[2..]].concat();
    let forged = [
        ("no headers", vec![]),
        ("a secret that is not ours", signed(&[FOREIGN], now(), &pairs)),
        ("another content", signed(&[NEW], now(), "id=16")),
        ("another id", other_id),
        ("signed six minutes ago", signed(&[NEW], now() - 360, &pairs)),
        ("signed in six minutes", signed(&[NEW], now() + 360, &pairs)),
        ("no signature in the header", garbage),
        ("no number in the timestamp", no_time),
    ];
    for (what, headers) in forged {
        assert_eq!(receiver.post(&headers, &pairs), 401, "{what}");
        assert_eq!(receiver.send(&format!("GET /hook?{pairs}"), &headers, ""), 401, "{what}, GET");
    }
    assert!(receiver.printed.try_recv().is_err(), "nothing forged is taken");
}

#[test]
fn the_receiver_in_python_takes_the_genuine_and_refuses_the_forged() {
    let running = Running::start("python3", |port| vec!["receiver.py".to_owned(), port.to_string()]);
    running.iter().for_each(takes_the_genuine_and_refuses_the_forged);
}

#[test]
fn the_receiver_in_node_takes_the_genuine_and_refuses_the_forged() {
    let running = Running::start("node", |port| vec!["receiver.mjs".to_owned(), port.to_string()]);
    running.iter().for_each(takes_the_genuine_and_refuses_the_forged);
}

#[test]
fn the_receiver_in_php_takes_the_genuine_and_refuses_the_forged() {
    let running = Running::start("php", |port| {
        vec!["-S".to_owned(), format!("127.0.0.1:{port}"), "receiver.php".to_owned()]
    });
    running.iter().for_each(takes_the_genuine_and_refuses_the_forged);
}
