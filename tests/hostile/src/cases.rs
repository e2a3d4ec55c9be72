//! Every hostile peer by name, and what an attempt to send to it must come to.

mod early;
mod large;
mod late;
mod strange;
mod tls;

use rustls::ServerConfig;

use crate::{Peer, Step};

pub use early::*;
pub use large::*;
pub use late::*;
pub use strange::*;
pub use tls::*;

/// The name that certificates of these cases are for, where they are for the right one.
pub const NAME: &str = "crm.example";

/// What an answer may leave in the engine: bytes of a body that are kept.
pub const KEPT_BYTES_MAX: usize = 64 * 1024;

/// The most bytes that a peer may be able to say before it is left: what is read of a head and a body is far below,
/// the rest is room in the buffers of both ends' systems.
pub const SAID_BYTES_MAX: usize = 24 * 1024 * 1024;

/// A hostile peer.
#[derive(Debug)]
pub struct Case {
    /// What it does on each connection.
    pub steps: Vec<Step>,
    /// How it is spoken to.
    pub speech: Speech,
    /// What an attempt must come to.
    pub ending: Ending,
}

/// How a peer is spoken to, and what it speaks itself before its steps.
#[derive(Debug)]
pub enum Speech {
    /// Plain HTTP.
    Http,
    /// HTTPS to a peer whose steps are all there is: none of them is TLS unless its bytes are.
    RawTls,
    /// HTTPS to a peer that speaks TLS with this configuration.
    Tls {
        /// Its certificate, and the versions it speaks.
        config: Box<ServerConfig>,
        /// The certificate of the authority that the sender believes, in PEM form.
        roots: String,
    },
}

/// What an attempt comes to, in the words of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// There is no whole answer.
    Broken {
        /// In which way.
        kind: &'static str,
        /// The status, where a head came.
        status: Option<u16>,
    },
    /// There is an answer.
    Answered {
        /// Its status.
        status: u16,
        /// How many bytes of its body are kept.
        kept_bytes: usize,
        /// Whether there was more than is kept.
        is_cut: bool,
    },
}

impl Case {
    /// Starts the peer on this machine.
    pub async fn start(&self) -> Peer {
        match &self.speech {
            Speech::Http | Speech::RawTls => Peer::start(self.steps.clone()).await,
            Speech::Tls { config, .. } => Peer::start_tls((**config).clone(), self.steps.clone()).await,
        }
    }

    /// The URL of the peer under this host name or address.
    pub fn url(&self, peer: &Peer, host: &str) -> String {
        let scheme = match self.speech {
            Speech::Http => "http",
            Speech::RawTls | Speech::Tls { .. } => "https",
        };
        format!("{scheme}://{host}:{}/in", peer.port())
    }
}

/// Reads the request, then does this.
fn after_request(steps: impl IntoIterator<Item = Step>, ending: Ending) -> Case {
    let steps = [Step::Request].into_iter().chain(steps).collect();
    Case { steps, speech: Speech::Http, ending }
}

/// Reads the request, says this and closes.
fn saying(said: impl AsRef<[u8]>, ending: Ending) -> Case {
    after_request([Step::say(said), Step::Close], ending)
}

const fn broken(kind: &'static str) -> Ending {
    Ending::Broken { kind, status: None }
}

const fn broken_after_head(kind: &'static str) -> Ending {
    Ending::Broken { kind, status: Some(200) }
}

const fn answered(status: u16, kept_bytes: usize) -> Ending {
    Ending::Answered { status, kept_bytes, is_cut: false }
}

const fn cut() -> Ending {
    Ending::Answered { status: 200, kept_bytes: KEPT_BYTES_MAX, is_cut: true }
}

/// Hands the name of every case to this macro, as `$(name)*`.
#[macro_export]
macro_rules! each_case {
    ($callback:ident) => {
        $callback! {
            closes_at_once resets_at_once closes_after_the_request resets_after_the_request
            closes_within_the_status resets_within_the_head closes_after_an_interim_answer
            closes_within_the_body closes_within_a_chunk closes_before_the_last_chunk
            says_less_than_its_length

            reads_nothing_and_says_nothing says_nothing stops_within_the_head stops_after_an_interim_answer
            drips_one_header_line drips_header_lines drips_interim_answers stops_within_the_body drips_its_body
            drips_a_chunk drips_trailers stops_before_the_last_chunk

            header_lines_without_end a_header_without_end a_reason_without_end many_headers
            interim_answers_without_end an_interim_head_without_end a_body_without_end_by_length
            a_body_without_end_by_closing a_body_without_end_by_chunks one_huge_chunk
            a_chunk_extension_without_end trailers_without_end zeros_of_a_chunk_size_without_end
            empty_lines_without_end noise_without_end a_gzip_bomb a_length_beyond_all_numbers

            speaks_http_0_9 speaks_http_2 speaks_http_3 speaks_smtp speaks_ssh_first says_null_bytes
            a_status_that_is_no_number a_status_of_two_digits a_status_beyond_599 switches_protocols
            a_header_without_colon a_space_in_a_header_name a_folded_header a_null_byte_in_a_header
            a_length_that_is_no_number a_negative_length a_length_with_a_sign two_lengths_that_differ
            a_chunk_size_that_is_no_number a_chunk_size_beyond_all_numbers a_chunk_longer_than_its_size
            length_and_chunks says_more_than_its_length no_content_with_a_body not_modified_with_a_body
            redirects_to_the_metadata redirects_to_itself line_feeds_alone

            tls_expired tls_not_yet_valid tls_for_another_name tls_of_an_unknown_authority tls_self_signed
            tls_1_0_only tls_1_1_only tls_refuses_the_version tls_hangs tls_closes_at_once tls_resets_at_once
            tls_is_plain_http tls_drips_a_record tls_warnings_without_end tls_records_of_noise
            tls_closes_within_the_body tls_body_without_end
        }
    };
}

macro_rules! every {
    ($($name:ident)*) => {
        /// Every case with its name.
        pub fn all() -> Vec<(&'static str, Case)> {
            vec![$((stringify!($name), $name()),)*]
        }
    };
}
each_case!(every);
