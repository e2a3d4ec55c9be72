//! Peers that end too early.

use super::{Case, Speech, after_request, broken, broken_after_head, saying};
use crate::Step;

/// What is lost when a connection ends.
const LOST: &str = "connection_lost";

fn on_its_own(steps: Vec<Step>) -> Case {
    Case { steps, speech: Speech::Http, ending: broken(LOST) }
}

/// Closes the connection without reading anything.
pub fn closes_at_once() -> Case {
    on_its_own(vec![Step::Close])
}

/// Resets the connection when the request begins to come. Before that it could look as if there were no connection.
pub fn resets_at_once() -> Case {
    on_its_own(vec![Step::Anything, Step::Reset])
}

/// Reads the request and closes.
pub fn closes_after_the_request() -> Case {
    after_request([Step::Close], broken(LOST))
}

/// Reads the request with its body and resets.
pub fn resets_after_the_request() -> Case {
    after_request([Step::Reset], broken(LOST))
}

/// Closes in the middle of the status line.
pub fn closes_within_the_status() -> Case {
    saying("HTTP/1.1 2", broken(LOST))
}

/// Resets in the middle of a header.
pub fn resets_within_the_head() -> Case {
    after_request([Step::say("HTTP/1.1 200 OK\r\nx"), Step::Reset], broken(LOST))
}

/// Closes after an interim answer, without an answer.
pub fn closes_after_an_interim_answer() -> Case {
    saying("HTTP/1.1 100 Continue\r\n\r\n", broken(LOST))
}

/// Closes in the middle of a body of known length.
pub fn closes_within_the_body() -> Case {
    saying("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345", broken_after_head(LOST))
}

/// Closes in the middle of a chunk.
pub fn closes_within_a_chunk() -> Case {
    saying("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n123", broken_after_head(LOST))
}

/// Closes between chunks, before the one that says that there are no more.
pub fn closes_before_the_last_chunk() -> Case {
    saying("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n", broken_after_head(LOST))
}

/// Announces more than it says.
pub fn says_less_than_its_length() -> Case {
    saying("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nok", broken_after_head(LOST))
}
