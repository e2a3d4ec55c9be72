//! Peers that say more than anyone wants to hear: what is read and kept of it is bounded.

use super::{Case, after_request, answered, broken, broken_after_head, cut, saying};
use crate::Step;

const TOO_LARGE: &str = "head_too_large";
const NOT_HTTP: &str = "not_http";

/// 10 MiB of zeros in gzip form.
const BOMB: &[u8] = include_bytes!("bomb.gz");

fn forever(begun: &str, bytes: &[u8], ending: super::Ending) -> Case {
    after_request([Step::say(begun), Step::SayForever(bytes.to_vec())], ending)
}

/// Header after header.
pub fn header_lines_without_end() -> Case {
    let lines = b"x-filler: 0123456789abcdef\r\n".repeat(100);
    forever("HTTP/1.1 200 OK\r\n", &lines, broken(TOO_LARGE))
}

/// One header that goes on.
pub fn a_header_without_end() -> Case {
    forever("HTTP/1.1 200 OK\r\nx: ", &[b'x'; 4096], broken(TOO_LARGE))
}

/// A status line that goes on.
pub fn a_reason_without_end() -> Case {
    forever("HTTP/1.1 200 ", &[b'x'; 4096], broken(TOO_LARGE))
}

/// One header more than is read, in a head that ends.
pub fn many_headers() -> Case {
    let lines = "x-filler: y\r\n".repeat(101);
    let said = Step::say(format!("HTTP/1.1 200 OK\r\n{lines}\r\n"));
    after_request([said, Step::Hang], broken(TOO_LARGE))
}

/// Interim answers, as fast as they are read.
pub fn interim_answers_without_end() -> Case {
    let said = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(100);
    forever("", &said, broken(TOO_LARGE))
}

/// One interim answer whose head goes on.
pub fn an_interim_head_without_end() -> Case {
    forever("HTTP/1.1 103 Early Hints\r\n", &b"link: </a>\r\n".repeat(100), broken(TOO_LARGE))
}

/// A body of 100 MiB, announced.
pub fn a_body_without_end_by_length() -> Case {
    forever("HTTP/1.1 200 OK\r\ncontent-length: 104857600\r\n\r\n", &[b'x'; 65_536], cut())
}

/// A body that ends with the connection, which does not end.
pub fn a_body_without_end_by_closing() -> Case {
    forever("HTTP/1.1 200 OK\r\n\r\n", &[b'x'; 65_536], cut())
}

/// Chunk after chunk.
pub fn a_body_without_end_by_chunks() -> Case {
    let chunk = [b"1000\r\n".as_slice(), &[b'x'; 4096], b"\r\n"].concat();
    forever("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", &chunk, cut())
}

/// One chunk of more bytes than there are.
pub fn one_huge_chunk() -> Case {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffff0\r\n";
    forever(head, &[b'x'; 65_536], cut())
}

/// A chunk with an extension that goes on.
pub fn a_chunk_extension_without_end() -> Case {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;x=";
    forever(head, &[b'x'; 4096], broken_after_head(NOT_HTTP))
}

/// Trailer after trailer.
pub fn trailers_without_end() -> Case {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n";
    forever(head, &b"x: y\r\n".repeat(100), broken_after_head(NOT_HTTP))
}

/// A chunk's size with zeros before it that go on.
pub fn zeros_of_a_chunk_size_without_end() -> Case {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    forever(head, &[b'0'; 4096], broken_after_head(NOT_HTTP))
}

/// Empty lines in place of a head.
pub fn empty_lines_without_end() -> Case {
    forever("", &b"\r\n".repeat(1000), broken(TOO_LARGE))
}

/// Bytes of no meaning.
pub fn noise_without_end() -> Case {
    forever("", &[0xa5; 4096], broken(NOT_HTTP))
}

/// A kilobyte that would be a thousand when unpacked; nobody asked for it to be packed.
pub fn a_gzip_bomb() -> Case {
    let length = BOMB.len();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {length}\r\n\r\n");
    saying([head.as_bytes(), BOMB].concat(), answered(200, BOMB.len()))
}

/// A length that no number holds.
pub fn a_length_beyond_all_numbers() -> Case {
    let said = "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999\r\n\r\nok";
    after_request([Step::say(said), Step::Hang], broken(NOT_HTTP))
}
