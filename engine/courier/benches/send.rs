//! How many requests a second one courier sends to a handler on this machine over kept connections.

use std::{net::SocketAddr, thread, time::Duration};

use divan::{Bencher, counter::ItemsCount};
use leadhook_core::{
    address::AddressPolicy,
    delivery::{Method, Request},
};
use leadhook_courier::{Courier, CourierSettings};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    runtime,
};

/// Requests in one run.
const REQUESTS: usize = 1_000;

fn main() {
    divan::main();
}

/// So many attempts in flight, each with a body of 2 KiB, all on the courier's own thread.
#[divan::bench(args = [1, 32])]
fn send(bencher: Bencher<'_, '_>, concurrent: usize) {
    let url = format!("http://{}/in", handler());
    let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    let loopback = "127.0.0.0/8".parse().expect("this is a block");
    let settings =
        CourierSettings { addresses: AddressPolicy::new(vec![loopback]), ..CourierSettings::default() };
    let courier = Courier::new(settings).expect("TLS is available");
    let headers = vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
    let request = Request { method: Method::Post, url, headers, body: vec![b'x'; 2048] };
    let one_after_another = || async {
        for _ in 0..REQUESTS / concurrent {
            let outcome = courier.send(&request, &[], Duration::from_secs(5)).await;
            assert_eq!(outcome.summary(), "the handler answered 200");
        }
    };
    bencher.counter(ItemsCount::new(REQUESTS / concurrent * concurrent)).bench_local(|| {
        runtime.block_on(all_of(concurrent, one_after_another));
    });
}

async fn all_of<F: Future<Output = ()>>(count: usize, make: impl Fn() -> F) {
    let mut futures: Vec<_> = (0..count).map(|_| Box::pin(make())).collect();
    std::future::poll_fn(|context| {
        futures.retain_mut(|future| future.as_mut().poll(context).is_pending());
        match futures.is_empty() {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
}

/// A handler on a thread of its own that answers 200 to whatever comes.
fn handler() -> SocketAddr {
    let (sender, receiver) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("this machine listens");
            let address = listener.local_addr().expect("it is bound");
            sender.send(address).expect("the bench waits for it");
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut request = vec![0; 8192];
                    while let Ok(1..) = stream.read(&mut request).await {
                        let answered =
                            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
                        if answered.is_err() {
                            return;
                        }
                    }
                });
            }
        });
    });
    receiver.recv().expect("the handler tells its address")
}
