//! The component's exports: what the engine calls, led to the instance's one runner.
#![allow(unsafe_code, reason = "the generated exports are foreign functions")]

use std::cell::RefCell;

use crate::{
    Delivery, Failure, Fault, Found, Judgement, Request, Response, Runner, Verdict,
    bindings::{
        self,
        exports::leadhook::{
            plugin::{filter, receipt, transform},
            script::parser,
        },
        leadhook::script::source::source,
    },
    world::host,
};

thread_local! {
    /// An instance is one thread; the runner lives as long as the instance.
    static RUNNER: RefCell<Runner> = RefCell::default();
}

struct Component;

impl filter::Guest for Component {
    fn accept(delivery: Delivery) -> Result<Option<String>, Failure> {
        RUNNER.with_borrow_mut(|runner| runner.accept(&source(), delivery))
    }
}

impl transform::Guest for Component {
    fn run(delivery: Delivery, request: Request) -> Verdict {
        RUNNER.with_borrow_mut(|runner| runner.run(&source(), delivery, request))
    }
}

impl receipt::Guest for Component {
    fn judge(delivery: Delivery, response: Response) -> Judgement {
        let judged = RUNNER.with_borrow_mut(|runner| runner.judge(&source(), delivery, response));
        judged.unwrap_or_else(|failure| {
            // A receipt cannot answer with a failure. A trap is one; the log has the words.
            host::log(host::Level::Error, &failure.message);
            std::process::abort()
        })
    }
}

impl parser::Guest for Component {
    fn parse(source: String) -> Result<Found, Fault> {
        RUNNER.with_borrow(|runner| runner.parse(&source))
    }
}

bindings::export!(Component with_types_in bindings);
