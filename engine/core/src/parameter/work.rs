//! What people and analysis noted on the lead afterwards.

use crate::{
    catalogue::Parameter,
    parameter::{Origin, Valued},
};

/// Values of the group "work"; all but the spam mark are known only when stated.
pub(super) fn value<'a>(parameter: Parameter) -> Valued<'a> {
    match parameter {
        Parameter::Spam => Valued::text("false", Origin::Derived("its not being stated")),
        _ => Valued::absent(),
    }
}
