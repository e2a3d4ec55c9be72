//! Peers that speak something else, or HTTP that can be read in two ways.

use super::{Case, Ending, Speech, after_request, answered, broken, broken_after_head, saying};
use crate::Step;

const NOT_HTTP: &str = "not_http";

/// Says this after the request and stays; it is no HTTP.
fn not_http(said: impl AsRef<[u8]>) -> Case {
    after_request([Step::say(said), Step::Hang], broken(NOT_HTTP))
}

/// A head that is HTTP, and then a body that is none.
fn not_http_in_body(said: &str) -> Case {
    after_request([Step::say(said), Step::Hang], broken_after_head(NOT_HTTP))
}

fn not_http_with(said: &str, status: u16) -> Case {
    let ending = Ending::Broken { kind: NOT_HTTP, status: Some(status) };
    after_request([Step::say(said), Step::Hang], ending)
}

/// A page without any head, as before there were heads.
pub fn speaks_http_0_9() -> Case {
    not_http("<html>hello</html>\r\n\r\n")
}

/// The frame with which HTTP/2 begins, then one that ends it.
pub fn speaks_http_2() -> Case {
    not_http(b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x01")
}

/// A version that is not read.
pub fn speaks_http_3() -> Case {
    not_http("HTTP/3.1 200 OK\r\n\r\n")
}

/// A mail server.
pub fn speaks_smtp() -> Case {
    not_http("220 mail.example ESMTP\r\n502 command not known\r\n")
}

/// A server that speaks before it is asked.
pub fn speaks_ssh_first() -> Case {
    let steps = vec![Step::say("SSH-2.0-OpenSSH_9.9\r\n"), Step::Hang];
    Case { steps, speech: Speech::Http, ending: broken(NOT_HTTP) }
}

/// Null bytes in place of a head.
pub fn says_null_bytes() -> Case {
    not_http([0; 64])
}

/// Letters for a status.
pub fn a_status_that_is_no_number() -> Case {
    not_http("HTTP/1.1 abc OK\r\n\r\n")
}

/// Two digits for a status.
pub fn a_status_of_two_digits() -> Case {
    not_http("HTTP/1.1 20 OK\r\n\r\n")
}

/// A status that has no meaning.
pub fn a_status_beyond_599() -> Case {
    not_http_with("HTTP/1.1 742 X\r\ncontent-length: 0\r\n\r\n", 742)
}

/// Switches to another protocol, which nobody asked for.
pub fn switches_protocols() -> Case {
    not_http_with("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n", 101)
}

/// A line in the head that is no header.
pub fn a_header_without_colon() -> Case {
    not_http("HTTP/1.1 200 OK\r\nno colon\r\n\r\n")
}

/// A header's name with a space in it.
pub fn a_space_in_a_header_name() -> Case {
    not_http("HTTP/1.1 200 OK\r\nbad name: x\r\n\r\n")
}

/// A header that goes on in the next line (RFC 9112, section 5.2).
pub fn a_folded_header() -> Case {
    not_http("HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 0\r\n\r\n")
}

/// A header's value with a null byte in it.
pub fn a_null_byte_in_a_header() -> Case {
    not_http("HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 0\r\n\r\n")
}

/// A word for a length.
pub fn a_length_that_is_no_number() -> Case {
    not_http("HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n")
}

/// A length below nothing.
pub fn a_negative_length() -> Case {
    not_http("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n")
}

/// A length with a sign, which some read and some do not.
pub fn a_length_with_a_sign() -> Case {
    not_http("HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\nok")
}

/// Two lengths.
pub fn two_lengths_that_differ() -> Case {
    not_http("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n12")
}

/// Letters for a chunk's size.
pub fn a_chunk_size_that_is_no_number() -> Case {
    not_http_in_body("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n")
}

/// A chunk's size that no number holds.
pub fn a_chunk_size_beyond_all_numbers() -> Case {
    not_http_in_body("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n")
}

/// A chunk that does not end where its size says.
pub fn a_chunk_longer_than_its_size() -> Case {
    not_http_in_body("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nmore\r\n0\r\n\r\n")
}

/// A length and chunks: chunks count (RFC 9112, section 6.3), and the connection does not serve again.
pub fn length_and_chunks() -> Case {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\ntransfer-encoding: chunked\r\n\r\n";
    saying(format!("{head}2\r\nok\r\n0\r\n\r\n"), answered(200, 2))
}

/// More than the announced length: what is beyond is no answer to anything.
pub fn says_more_than_its_length() -> Case {
    let said = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n";
    saying(said, answered(200, 2))
}

/// A 204, which has no body, with one.
pub fn no_content_with_a_body() -> Case {
    saying("HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\nhello", answered(204, 0))
}

/// A 304, which has no body, with one.
pub fn not_modified_with_a_body() -> Case {
    saying("HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\nhello", answered(304, 0))
}

/// Sends the sender to where a cloud tells a machine's credentials.
pub fn redirects_to_the_metadata() -> Case {
    let location = "location: http://169.254.169.254/latest/meta-data/";
    saying(format!("HTTP/1.1 307 X\r\n{location}\r\ncontent-length: 0\r\n\r\n"), answered(307, 0))
}

/// Sends the sender here again, for ever.
pub fn redirects_to_itself() -> Case {
    saying("HTTP/1.1 308 X\r\nlocation: /in\r\ncontent-length: 0\r\n\r\n", answered(308, 0))
}

/// A head whose lines end without carriage returns, which RFC 9112, section 2.2, lets pass.
pub fn line_feeds_alone() -> Case {
    saying("HTTP/1.1 200 OK\ncontent-length: 2\n\nok", answered(200, 2))
}
