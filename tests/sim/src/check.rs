//! The invariants, each checked against what happened in a run and what the reference says.

mod again;
mod evidence;
mod kept;
mod lanes;
mod sendings;
mod shares;
mod told;

pub(crate) use evidence::Evidence;

macro_rules! invariants {
    ($($(#[$doc:meta])* $variant:ident $name:literal,)*) => {
        /// What must hold in every run.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Invariant { $($(#[$doc])* $variant,)* }

        impl Invariant {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name under which it stands in ARCHITECTURE.md.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

invariants! {
    /// An event that was acknowledged is in its lead's history, and what it made owed is there.
    AcknowledgedIsStored "acknowledged_is_stored",
    /// What is owed is what the reference says: no more, no less, for nobody else.
    OwedAsReferred "owed_as_referred",
    /// After every crash the store opens, and has set no row aside.
    OpensAgain "opens_again",
    /// Every delivery comes to exactly one final state, and stays there.
    EndsOnce "ends_once",
    /// After a success nothing goes out under the same id, unless the success could not be recorded.
    NothingAfterSuccess "nothing_after_success",
    /// Every sending of a delivery has its id, and the same bytes unless settings were saved or a record was lost.
    OneIdSameBytes "one_id_same_bytes",
    /// A delivery is sent once at a time, and the next of a lane not before the one before ended.
    LaneInOrder "lane_in_order",
    /// Nothing is claimed before it is due, and no retry before its wait is over.
    NotBeforeDue "not_before_due",
    /// Nothing is attempted more often than its policy says.
    AttemptsWithinPolicy "attempts_within_policy",
    /// The same event id twice is one event.
    SameEventOnce "same_event_once",
    /// What a healthy, quiet account is owed goes out within a minute, whatever the others do.
    NobodyStarves "nobody_starves",
    /// However the clock was set, what is due goes out within a minute.
    SoonAfterDue "soon_after_due",
    /// No more is in flight than engine, account and webhook may have.
    WithinLimits "within_limits",
    /// A resend sends each delivery of its period again, once.
    ResendExact "resend_exact",
    /// What goes out is of the account, the webhook and the lead that it is owed for.
    NothingCrosses "nothing_crosses",
    /// What goes out is the lead as it was or is, by the webhook's model.
    SendsWhatIsKnown "sends_what_is_known",
    /// What was skipped, cancelled or given up was for a reason that is told and true.
    SkippedForAReason "skipped_for_a_reason",
    /// A webhook that is off sends nothing.
    OffSendsNothing "off_sends_nothing",
}

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// Where, in words.
    pub detail: String,
}

/// Every violation, in the order of the invariants.
pub(crate) fn all(evidence: &Evidence<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    for check in [kept::check, sendings::check, lanes::check, shares::check, again::check, told::check] {
        check(evidence, &mut |invariant, detail| found.push(Violation { invariant, detail }));
    }
    found.sort_by_key(|violation| violation.invariant);
    found
}

/// Takes a violation.
type Tell<'t> = dyn FnMut(Invariant, String) + 't;
