//! Settings by which traces are told.

use super::{Sources, public_url};

/// What the protocol adds to the URL of a collector for traces (OpenTelemetry Protocol 1, "OTLP/HTTP Request").
const TRACES_PATH: &str = "/v1/traces";

/// The URL that traces are posted to; the inner `None`: none are made.
pub(super) fn otlp_traces(sources: &mut Sources) -> Option<Option<String>> {
    sources.optional("otlp_endpoint", |text| public_url(text).map(|url| format!("{url}{TRACES_PATH}")))
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Environment, Flags, load};

    fn loaded(url: &str) -> Option<Config> {
        load(&Flags::default(), &Environment::from([("LEADHOOK_OTLP_ENDPOINT", url)])).config.ok()
    }

    #[test]
    fn traces_go_below_the_url_of_the_collector_and_what_is_no_such_url_is_refused() {
        let urls = [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("https://collector.example/otlp/", "https://collector.example/otlp/v1/traces"),
        ];
        for (given, meant) in urls {
            assert_eq!(loaded(given).unwrap().otlp_traces.as_deref(), Some(meant));
        }
        for wrong in [
            "127.0.0.1:4318",
            "grpc://collector.example",
            "http://collector.example/?key=1",
            "http://me@collector.example",
        ] {
            assert!(loaded(wrong).is_none(), "{wrong}");
        }
    }
}
