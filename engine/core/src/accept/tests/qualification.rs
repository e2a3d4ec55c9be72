//! "Qualification": what is decided once and kept.

use super::*;
use crate::qualify::TraceKind;

#[test]
fn unique_means_no_earlier_started_call_of_this_number_within_the_depth() {
    let mut world = World::new(&[]);
    world.site.uniqueness_days = 1;
    let call = |at: &str| json!({"callerphone": "79990000001", "started_at": at, "duration": 40});
    let first = world.accept("call.ended", "09:51:00", call("2026-03-01T09:00:00Z")).lead.decided;
    let second =
        world.next_lead().accept("call.ended", "09:51:00", call("2026-03-02T09:00:00Z")).lead.decided;
    let third = world.next_lead().accept("call.ended", "09:51:00", call("2026-03-03T09:00:01Z")).lead.decided;
    let nobody = world.next_lead().accept("call.ended", "09:51:00", json!({"duration": 40})).lead.decided;
    assert!(first.unique && !second.unique && third.unique && nobody.unique);
    assert_eq!(
        [first, second, third].map(|decided| decided.unique_target),
        [Some(true), Some(false), Some(true)]
    );
}

#[test]
fn calls_and_requests_count_together_only_with_cross_uniqueness() {
    for cross in [false, true] {
        let mut world = World::new(&[]);
        world.site.cross_uniqueness = cross;
        world.accept("call.ended", "09:00:00", json!({"callerphone": "79990000012"}));
        let request =
            world.next_lead().accept("request.created", "09:51:00", json!({"callerphone": "79990000012"}));
        assert_eq!(request.lead.decided.unique, !cross);
        assert_eq!(request.lead.decided.unique_target, Some(true), "the first target request of the client");
    }
}

#[test]
fn unique_is_decided_at_arrival_and_a_target_when_the_talk_time_is_first_known() {
    let mut world = World::new(&[]);
    let started = world.accept("call.started", "09:50:00", json!({"callerphone": "79990000012"}));
    assert_eq!(started.lead.decided.target, None);
    let ended = world.accept("call.ended", "09:52:00", json!({"duration": 45}));
    assert_eq!((ended.lead.decided.target, ended.lead.decided.unique_target), (Some(true), Some(true)));
    let later = world.accept("lead.updated", "09:53:00", json!({"duration": 3}));
    assert_eq!(later.lead.decided, ended.lead.decided, "what was decided is kept");
    assert_eq!(
        world.traces.iter().map(|trace| trace.kind).collect::<Vec<_>>(),
        [TraceKind::Call, TraceKind::TargetCall]
    );
}

#[test]
fn a_trace_moves_with_the_phone_it_is_of() {
    let mut world = World::new(&[]);
    world.accept("call.ended", "09:51:00", json!({"callerphone": "79990000001"}));
    let moved = world.accept("lead.updated", "09:52:00", json!({"callerphone": "79990000002"}));
    assert_eq!((moved.traces_added.len(), moved.traces_removed.len()), (1, 1));
    assert_eq!(world.traces.len(), 1);
}
