//! How long signing a full lead's body takes. Run with `cargo bench -p leadhook-core --bench sign`.

use divan::{Bencher, black_box};
use leadhook_core::{sign::signature, webhook::SigningSecret};

const ID: &str = "dlv_0123456789abcdefghijklmnopqrstuvwxyz012";
const AT: i64 = 1_772_125_417;
/// About what a full call comes to, encoded.
const BODY_BYTES: usize = 3_000;

fn main() {
    divan::main();
}

#[divan::bench(args = [1, 2])]
fn sign_a_body(bencher: Bencher<'_, '_>, secrets: usize) {
    let secret = SigningSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret in order");
    let secrets = vec![secret; secrets];
    let body = vec![b'%'; BODY_BYTES];
    bencher.bench_local(|| signature(black_box(&secrets), ID, AT, black_box(&body)));
}
