//! Peers whose TLS is not to be believed, too old, or no TLS at all.

use rustls::ServerConfig;

use super::{Case, Ending, NAME, Speech, broken, broken_after_head, cut};
use crate::{Authority, Step, self_signed};

const FAILED: &str = "tls_failed";
const NOT_VALID: &str = "certificate_invalid";

/// The years in which a certificate is valid today.
const VALID: std::ops::Range<i32> = 2020..2100;

fn answering() -> Vec<Step> {
    vec![Step::Request, Step::say("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")]
}

fn speaking(config: ServerConfig, roots: String, steps: Vec<Step>, ending: Ending) -> Case {
    Case { steps, speech: Speech::Tls { config: Box::new(config), roots }, ending }
}

/// Signed by a believed authority for this name and these years.
fn signed(name: &str, years: std::ops::Range<i32>) -> Case {
    let authority = Authority::default();
    speaking(authority.server(name, years), authority.pem(), answering(), broken(NOT_VALID))
}

fn raw(steps: Vec<Step>, kind: &'static str) -> Case {
    Case { steps, speech: Speech::RawTls, ending: broken(kind) }
}

/// A record of a handshake with a ServerHello of this version and the one cipher suite that all of that time have
/// (RFC 2246, section 7.4.1.3).
fn server_hello(version: u8) -> Vec<u8> {
    let random = [7; 32];
    let body = [&[3, version], random.as_slice(), &[0, 0x00, 0x2f, 0]].concat();
    let length = u8::try_from(body.len()).unwrap();
    [&[22, 3, version, 0, length + 4, 2, 0, 0, length], body.as_slice()].concat()
}

/// A certificate of the past.
pub fn tls_expired() -> Case {
    signed(NAME, 2000..2020)
}

/// A certificate of the future.
pub fn tls_not_yet_valid() -> Case {
    signed(NAME, 2090..2100)
}

/// A certificate for somebody else.
pub fn tls_for_another_name() -> Case {
    signed("other.example", VALID)
}

/// A certificate by an authority that is not believed.
pub fn tls_of_an_unknown_authority() -> Case {
    let other = Authority::default().pem();
    speaking(Authority::default().server(NAME, VALID), other, answering(), broken(NOT_VALID))
}

/// A certificate that vouches for itself.
pub fn tls_self_signed() -> Case {
    let (config, _) = self_signed(NAME);
    speaking(config, Authority::default().pem(), answering(), broken(NOT_VALID))
}

/// Nothing newer than TLS 1.0.
pub fn tls_1_0_only() -> Case {
    raw(vec![Step::Say(server_hello(1)), Step::Hang], FAILED)
}

/// Nothing newer than TLS 1.1.
pub fn tls_1_1_only() -> Case {
    raw(vec![Step::Say(server_hello(2)), Step::Hang], FAILED)
}

/// The alert that no version is spoken by both (RFC 5246, section 7.2.2).
pub fn tls_refuses_the_version() -> Case {
    raw(vec![Step::say([21, 3, 1, 0, 2, 2, 70]), Step::Close], FAILED)
}

/// Takes the connection and nothing else.
pub fn tls_hangs() -> Case {
    raw(vec![Step::Hang], "timeout_connecting")
}

/// Closes in place of a handshake.
pub fn tls_closes_at_once() -> Case {
    raw(vec![Step::Close], FAILED)
}

/// Resets in place of a handshake.
pub fn tls_resets_at_once() -> Case {
    raw(vec![Step::Anything, Step::Reset], FAILED)
}

/// Plain HTTP on the port of HTTPS.
pub fn tls_is_plain_http() -> Case {
    raw(vec![Step::say("HTTP/1.1 400 Bad Request\r\n\r\n"), Step::Hang], FAILED)
}

/// A record of a handshake, byte by byte.
pub fn tls_drips_a_record() -> Case {
    let record = [&[22, 3, 3, 0x40, 0, 2, 0, 0x3f, 0xfc], [0; 64].as_slice()].concat();
    raw(vec![Step::Drip(record)], "timeout_connecting")
}

/// Warnings, as fast as they are read.
pub fn tls_warnings_without_end() -> Case {
    raw(vec![Step::SayForever([21, 3, 3, 0, 2, 1, 90].repeat(100))], FAILED)
}

/// Records that are whole and mean nothing.
pub fn tls_records_of_noise() -> Case {
    let record = [&[23, 3, 3, 0x10, 0], [0xa5; 4096].as_slice()].concat();
    raw(vec![Step::SayForever(record)], FAILED)
}

/// An encrypted body that ends before its length, without the notice that TLS has for an end.
pub fn tls_closes_within_the_body() -> Case {
    let authority = Authority::default();
    let steps = vec![Step::Request, Step::say("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok"), Step::Drop];
    speaking(authority.server(NAME, VALID), authority.pem(), steps, broken_after_head("connection_lost"))
}

/// An encrypted body without end.
pub fn tls_body_without_end() -> Case {
    let authority = Authority::default();
    let steps =
        vec![Step::Request, Step::say("HTTP/1.1 200 OK\r\n\r\n"), Step::SayForever(vec![b'x'; 65_536])];
    speaking(authority.server(NAME, VALID), authority.pem(), steps, cut())
}
