//! A request as a receiver got it.

use std::fmt;

use tokio::time::Instant;

/// A request as a receiver got it, whole.
#[derive(Debug, Clone)]
pub struct Received {
    /// 0 for the first that this receiver got.
    pub number: usize,
    /// Which of the receiver's connections it came over; 0 for the first.
    pub connection: usize,
    /// When its last byte came.
    pub at: Instant,
    /// `POST`, `GET`.
    pub method: String,
    /// The path and the query, as on the wire.
    pub target: String,
    /// Headers in their order, names as on the wire.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
}

impl Received {
    /// The value of the first header with this name, case ignored.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The path without the query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The query as on the wire, without the `?`; empty where there is none.
    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// The body as text; bytes that are not UTF-8 are shown as such.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The decoded pairs in their order: of the body, or for GET of the query.
    pub fn pairs(&self) -> Vec<(String, String)> {
        let encoded = if self.method == "GET" { self.query().as_bytes() } else { &self.body };
        url::form_urlencoded::parse(encoded).into_owned().collect()
    }

    /// The decoded value of the first pair with this name.
    pub fn pair(&self, name: &str) -> Option<String> {
        self.pairs().into_iter().find(|(other, _)| other == name).map(|(_, value)| value)
    }
}

/// One line, cut short, for messages about what came instead.
impl fmt::Display for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.header("webhook-id").unwrap_or("-");
        let target: String = self.target.chars().take(120).collect();
        let body: String = self.text().chars().take(240).collect();
        let (number, method, bytes) = (self.number, &self.method, self.body.len());
        write!(f, "#{number} {method} {target} webhook-id {id}, {bytes} bytes: {body}")
    }
}
