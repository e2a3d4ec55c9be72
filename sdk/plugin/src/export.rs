//! The macro that makes plain functions the exports of a plugin.

#[cfg(not(target_family = "wasm"))]
use crate::{Decision, Delivery, Failure, Judgement, Request, Response, Verdict};

/// A filter's function.
#[cfg(not(target_family = "wasm"))]
pub type Filter = fn(&Delivery) -> Result<Decision, Failure>;

/// A transform's function.
#[cfg(not(target_family = "wasm"))]
pub type Transform = fn(&Delivery, &mut Request) -> Result<Verdict, Failure>;

/// A receipt's function.
#[cfg(not(target_family = "wasm"))]
pub type Receipt = fn(&Delivery, &Response) -> Result<Judgement, Failure>;

/// What a plugin exports, for running it natively. [`crate::export!`] makes the constant `EXPORTS` of this.
#[cfg(not(target_family = "wasm"))]
#[derive(Debug, Clone, Copy)]
pub struct Exports {
    /// Asked before anything is sent.
    pub filter: Option<Filter>,
    /// Rewrites the request.
    pub transform: Option<Transform>,
    /// Judges the handler's answer.
    pub receipt: Option<Receipt>,
}

#[cfg(not(target_family = "wasm"))]
impl Exports {
    /// Nothing.
    pub const NONE: Self = Self { filter: None, transform: None, receipt: None };
}

/// Makes plain functions what the engine calls. A plugin exports at least one of the three, once each:
///
/// - `filter`: `fn(&Delivery) -> Result<Decision, Failure>`, asked before anything is sent;
/// - `transform`: `fn(&Delivery, &mut Request) -> Result<Verdict, Failure>`, which rewrites the request;
/// - `receipt`: `fn(&Delivery, &Response) -> Result<Judgement, Failure>`, which judges the handler's answer. A
///   failure of it that is retryable counts as a retry, another as a refusal.
///
/// In a native build it makes the constant `EXPORTS` of them, for tests.
///
/// ```
/// use leadhook_plugin::prelude::*;
///
/// leadhook_plugin::export! { filter: calls_only }
///
/// fn calls_only(delivery: &Delivery) -> Result<Decision, Failure> {
///     Ok(match delivery.lead.kind() {
///         LeadKind::Call => Decision::Pass,
///         LeadKind::Request => Decision::Skip("only calls are wanted".to_owned()),
///     })
/// }
/// ```
#[macro_export]
macro_rules! export {
    ($($export:ident: $function:path),+ $(,)?) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            $($crate::export_one! { $export $function })+
        };

        /// What this plugin exports.
        #[cfg(not(target_family = "wasm"))]
        #[allow(clippy::needless_update, reason = "a plugin may export all there is")]
        pub const EXPORTS: $crate::Exports =
            $crate::Exports { $($export: Some($function),)+ ..$crate::Exports::NONE };
    };
}

/// One export: the function that the engine calls.
#[cfg(target_family = "wasm")]
#[doc(hidden)]
#[macro_export]
macro_rules! export_one {
    (filter $function:path) => {
        #[allow(unsafe_code, reason = "an export is a function of a fixed name")]
        const _: () = {
            struct Exported;
            impl $crate::wire::filter::Guest for Exported {
                fn accept(
                    delivery: $crate::wire::wit_types::Delivery,
                ) -> ::core::result::Result<
                    ::core::option::Option<::std::string::String>,
                    $crate::wire::wit_types::Failure,
                > {
                    $crate::wire::accept(delivery, $function)
                }
            }
    $crate::wire::filters::export!(Exported with_types_in $crate::wire::filters);
        };
    };
    (transform $function:path) => {
        #[allow(unsafe_code, reason = "an export is a function of a fixed name")]
        const _: () = {
            struct Exported;
            impl $crate::wire::transform::Guest for Exported {
                fn run(
                    delivery: $crate::wire::wit_types::Delivery,
                    request: $crate::wire::wit_types::Request,
                ) -> $crate::wire::wit_types::Verdict {
                    $crate::wire::run(delivery, request, $function)
                }
            }
    $crate::wire::transforms::export!(Exported with_types_in $crate::wire::transforms);
        };
    };
    (receipt $function:path) => {
        #[allow(unsafe_code, reason = "an export is a function of a fixed name")]
        const _: () = {
            struct Exported;
            impl $crate::wire::receipt::Guest for Exported {
                fn judge(
                    delivery: $crate::wire::wit_types::Delivery,
                    response: $crate::wire::wit_types::Response,
                ) -> $crate::wire::wit_types::Judgement {
                    $crate::wire::judge(delivery, response, $function)
                }
            }
    $crate::wire::receipts::export!(Exported with_types_in $crate::wire::receipts);
        };
    };
}
