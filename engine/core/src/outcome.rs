//! What happened in one attempt: the handler's answer, or why there was none.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::event::words;

/// The most bytes of an answer's body that are kept; the rest is cut with a mark.
pub const BODY_BYTES_KEPT_MAX: usize = 64 * 1024;

/// What happened in one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The handler answered in full, or with more than is read.
    Answered(Answer),
    /// There was no whole answer.
    Broken {
        /// In which way.
        kind: BrokenKind,
        /// What exactly, for people; no query strings or phones.
        detail: String,
        /// The status, where one had come before the break.
        status: Option<u16>,
    },
    /// No request went out: a plugin or script failed, and its link says to try again.
    Withheld {
        /// The plugin's name.
        plugin: String,
        /// In which way it failed: the error record's kind.
        kind: String,
        /// What happened and what would help.
        detail: String,
    },
}

impl Outcome {
    /// What happened, in one line of plain words: `the handler answered 503`.
    pub fn summary(&self) -> String {
        match self {
            Self::Answered(answer) => format!("the handler answered {}", answer.status),
            Self::Broken { kind, detail, .. } if detail.is_empty() => kind.in_words().to_owned(),
            Self::Broken { kind, detail, .. } => format!("{}: {detail}", kind.in_words()),
            Self::Withheld { plugin, kind, detail } => {
                format!("the plugin `{plugin}` failed ({kind}): {detail}")
            }
        }
    }
}

/// A handler's answer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Answer {
    /// The HTTP status, 200 to 599.
    pub status: u16,
    /// Header names in lower case with their values; bytes that are not UTF-8 replaced.
    pub headers: Vec<(String, String)>,
    /// The body's first [`BODY_BYTES_KEPT_MAX`] bytes.
    #[serde(with = "serde_bytes")]
    pub body: Vec<u8>,
    /// Whether the body went on beyond what is kept.
    pub body_cut: bool,
}

impl Answer {
    /// The value of a header by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

words! {
    /// The ways in which an attempt can end without a whole answer.
    BrokenKind {
        /// The URL's host is, or resolves to, an address that must not be sent to.
        AddressDenied "address_denied",
        /// The name does not resolve.
        NameNotResolved "name_not_resolved",
        /// The connection was refused.
        ConnectionRefused "connection_refused",
        /// The connection could not be made for another reason.
        ConnectionFailed "connection_failed",
        /// The handler's certificate is not valid for this name and time.
        CertificateInvalid "certificate_invalid",
        /// TLS failed in another way.
        TlsFailed "tls_failed",
        /// The deadline passed before the connection stood.
        TimeoutConnecting "timeout_connecting",
        /// The deadline passed before the answer's head was whole.
        TimeoutWaiting "timeout_waiting",
        /// The deadline passed while the answer's body was being read.
        TimeoutReading "timeout_reading",
        /// The handler closed or reset the connection before its answer was whole.
        ConnectionLost "connection_lost",
        /// The answer's head is larger than is read.
        HeadTooLarge "head_too_large",
        /// What came back is not HTTP/1.
        NotHttp "not_http",
        /// The request cannot be put on the wire.
        RequestInvalid "request_invalid",
    }
}

impl BrokenKind {
    /// What it means, in plain words.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::AddressDenied => "the address must not be sent to",
            Self::NameNotResolved => "the host name does not resolve",
            Self::ConnectionRefused => "the connection was refused",
            Self::ConnectionFailed => "no connection could be made",
            Self::CertificateInvalid => "the handler's certificate is not valid",
            Self::TlsFailed => "no encrypted connection could be agreed",
            Self::TimeoutConnecting => "no connection was made in time",
            Self::TimeoutWaiting => "the handler did not answer in time",
            Self::TimeoutReading => "the handler's answer did not end in time",
            Self::ConnectionLost => "the connection was lost before the answer was whole",
            Self::HeadTooLarge => "the head of the answer is too large",
            Self::NotHttp => "what came back is not HTTP",
            Self::RequestInvalid => "the request cannot be sent",
        }
    }
}
