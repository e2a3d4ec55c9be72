//! Peers that are slow, or say no more: each costs its deadline and nothing else.

use super::{Case, Speech, after_request, broken, broken_after_head};
use crate::Step;

const WAITING: &str = "timeout_waiting";
const READING: &str = "timeout_reading";

fn stopping_after(said: &str) -> [Step; 2] {
    [Step::say(said), Step::Hang]
}

/// Takes the connection and nothing else.
pub fn reads_nothing_and_says_nothing() -> Case {
    Case { steps: vec![Step::Hang], speech: Speech::Http, ending: broken(WAITING) }
}

/// Reads the request and says nothing.
pub fn says_nothing() -> Case {
    after_request([Step::Hang], broken(WAITING))
}

/// Stops in the middle of a header.
pub fn stops_within_the_head() -> Case {
    after_request(stopping_after("HTTP/1.1 200 OK\r\nx: "), broken(WAITING))
}

/// Says that the answer will come, and stops.
pub fn stops_after_an_interim_answer() -> Case {
    after_request(stopping_after("HTTP/1.1 100 Continue\r\n\r\n"), broken(WAITING))
}

/// Says one header, byte by byte, without end.
pub fn drips_one_header_line() -> Case {
    after_request([Step::say("HTTP/1.1 200 OK\r\nx: "), Step::Drip(b"x".to_vec())], broken(WAITING))
}

/// Says header after header, byte by byte.
pub fn drips_header_lines() -> Case {
    after_request([Step::say("HTTP/1.1 200 OK\r\n"), Step::Drip(b"x: y\r\n".to_vec())], broken(WAITING))
}

/// Says that the answer will come, again and again, byte by byte.
pub fn drips_interim_answers() -> Case {
    after_request([Step::Drip(b"HTTP/1.1 102 Processing\r\n\r\n".to_vec())], broken(WAITING))
}

/// Stops before the body that it announced.
pub fn stops_within_the_body() -> Case {
    let said = stopping_after("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nabc");
    after_request(said, broken_after_head(READING))
}

/// Says its body byte by byte.
pub fn drips_its_body() -> Case {
    let head = Step::say("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n");
    after_request([head, Step::Drip(b"x".to_vec())], broken_after_head(READING))
}

/// Says chunks of one byte, byte by byte.
pub fn drips_a_chunk() -> Case {
    let head = Step::say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
    after_request([head, Step::Drip(b"1\r\nx\r\n".to_vec())], broken_after_head(READING))
}

/// Says trailer after trailer, byte by byte.
pub fn drips_trailers() -> Case {
    let head = Step::say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n");
    after_request([head, Step::Drip(b"x: y\r\n".to_vec())], broken_after_head(READING))
}

/// Says its body, but not that it is whole.
pub fn stops_before_the_last_chunk() -> Case {
    let said = stopping_after("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n");
    after_request(said, broken_after_head(READING))
}
