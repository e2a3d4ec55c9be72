//! A handler's answer, for a receipt to judge.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

use crate::verdict::{Failure, Judgement};

/// What a handler answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case with their values.
    pub headers: Vec<(String, String)>,
    /// The body, cut at the engine's limit.
    pub body: Vec<u8>,
    /// How long the answer took, in milliseconds.
    pub elapsed_ms: u32,
}

impl Response {
    /// The value of a header, its name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The body as text; bytes that are not UTF-8 become U+FFFD.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The body read as JSON.
    ///
    /// # Errors
    /// `bad_json` when it is not JSON of this shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        Ok(serde_json::from_slice(&self.body)?)
    }

    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The judgement by the status alone, for where the body says nothing: 2xx is delivered; 408, 425, 429 and 5xx
    /// are tried again, after `Retry-After` when it states seconds (RFC 9110, section 10.2.3); others are refused.
    pub fn judge_by_status(&self) -> Judgement {
        match self.status {
            200..300 => Judgement::Delivered,
            408 | 425 | 429 | 500.. => Judgement::Retry { after_seconds: self.retry_after_seconds() },
            status => Judgement::Refused(["the handler answered ", &status.to_string()].concat()),
        }
    }

    /// The seconds of `Retry-After`, when it states seconds.
    pub fn retry_after_seconds(&self) -> Option<u32> {
        self.header("retry-after")?.trim().parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_alone_judges_an_answer() {
        let retry = |after_seconds| Judgement::Retry { after_seconds };
        let cases = [
            (200, None, Judgement::Delivered),
            (204, Some("5"), Judgement::Delivered),
            (302, None, Judgement::Refused("the handler answered 302".to_owned())),
            (400, None, Judgement::Refused("the handler answered 400".to_owned())),
            (429, Some(" 30"), retry(Some(30))),
            (503, Some("Fri, 31 Dec 1999 23:59:59 GMT"), retry(None)),
            (500, None, retry(None)),
        ];
        for (status, retry_after, expected) in cases {
            let headers = retry_after.map(|text| ("retry-after".to_owned(), text.to_owned()));
            let response =
                Response { status, headers: headers.into_iter().collect(), body: Vec::new(), elapsed_ms: 1 };
            assert_eq!(response.judge_by_status(), expected, "{status} {retry_after:?}");
            assert_eq!(response.is_success(), expected == Judgement::Delivered);
        }
    }
}
