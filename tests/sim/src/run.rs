//! One run: lives of the engine one after another, until the script is over and all that is owed has ended.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use leadhook_core::{delivery::Delivery, id::AccountId, time::Timestamp};
use leadhook_runtime::{Engine, Parts, clock::Clock, limits::Limits};
use leadhook_store::{
    Store, StoreError,
    query::DeliveryQuery,
    redb::{Options, RedbStore},
};
use tokio::sync::Notify;

use crate::{
    check::{self, Invariant, Violation},
    clock::SimClock,
    dice::Dice,
    disk::{Counts, Crash},
    handler::Handlers,
    history::{End, What},
    mutation::Mutation,
    script::{self, Next, Script},
    store::{SimStore, now, resolve},
    world::{Life, World, locked},
};

/// When every run begins: shortly before a UTC midnight.
const START: Timestamp = Timestamp(1_790_035_200_000 - 3_600_000);
/// How many steps a script has.
const STEPS: u32 = 70;
/// How many lives a run may have; more mean that the engine does not come up again.
const LIVES_MAX: u32 = 40;
/// How long all that is owed may take to end once everything is well.
const CALM_DAYS_MAX: u64 = 12;
/// The limits are tight, so that accounts and webhooks meet at them.
pub(crate) fn limits() -> Limits {
    Limits { in_flight: 8, in_flight_per_account: 5, recovery_batch: 3, ..Limits::default() }
}

/// What a run came to.
#[derive(Debug)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// What was broken, each by the invariant's name; empty when all is well.
    pub violations: Vec<Violation>,
    /// What happened, line by line; the same for the same seed and mutation.
    pub trace: Vec<String>,
    /// How many requests reached handlers.
    pub sendings: usize,
    /// How many events were acknowledged, repeats not counted.
    pub events: usize,
    /// How many deliveries there were.
    pub deliveries: usize,
    /// How many transactions had several commands.
    pub grouped: u64,
    /// What befell the disk.
    pub disk: Counts,
}

/// What the store holds at the end.
#[derive(Debug, Default)]
pub(crate) struct Final {
    pub(crate) deliveries: Vec<(u32, Delivery)>,
    /// Of each lead, the ids of the events that made its versions.
    pub(crate) events: BTreeMap<String, Vec<String>>,
    /// Whether all that is owed has ended in time.
    pub(crate) is_quiet: bool,
    pub(crate) set_aside: u64,
}

/// Runs one seed, with a deliberate mistake where one is given. A panic of the store or the engine is a violation.
pub fn run(seed: u64, mutation: Option<Mutation>) -> Report {
    let world = Arc::new(World::new(seed, mutation));
    let lived = catch_unwind(AssertUnwindSafe(|| lives(seed, &world)));
    lived.unwrap_or_else(|_| without_end(seed, &world, "it ended in a panic".to_owned()))
}

fn lives(seed: u64, world: &Arc<World>) -> Report {
    let mut script = Script::new(seed, STEPS);
    let (mut passed, mut set_to) = (0, START.0);
    for number in 1..=LIVES_MAX {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.expect("a runtime needs nothing that could be missing");
        let lived = runtime.block_on(async {
            let dice = Dice::new(seed, &format!("jitter {number}"));
            let clock = SimClock::new(passed, set_to, dice, world.makes(Mutation::DeafClock));
            world.begin_life(Life { number, clock, crashed: Notify::new() });
            let lived = live(world, &mut script).await;
            if let Lived::On(end) = lived {
                world.note(What::LifeEnded(end));
            }
            let life = world.now_living();
            (passed, set_to) = (life.clock.passed(), life.clock.set_to());
            lived
        });
        match lived {
            Lived::On(_) => {}
            Lived::Out(found) => return report(seed, world, &found),
            Lived::Not(why) => return without_end(seed, world, why),
        }
    }
    without_end(seed, world, format!("it did not come up in {LIVES_MAX} lives"))
}

/// How a life went.
enum Lived {
    /// It ended, another follows.
    On(End),
    /// It was the last.
    Out(Box<Final>),
    /// The store did not open, and not for a crash.
    Not(String),
}

async fn live(world: &Arc<World>, script: &mut Script) -> Lived {
    let disk = world.disk.clone();
    if world.now_living().number > 1 {
        script.before_start(world);
    }
    let faults = disk.counts().faults;
    let opened = disk.clone();
    let inner = match RedbStore::open_on(move || Ok(opened.handle()), Options::default()) {
        Ok(store) => store,
        Err(error) => return not_opened(world, faults, &error),
    };
    resolve::resolve(world, &inner);
    world.note(What::LifeBegan);
    let store = Arc::new(SimStore::new(inner, world));
    let life = world.now_living();
    tokio::select! {
        biased;
        () = life.crashed.notified() => crashed(world.disk.down().unwrap_or(Crash::Kill)),
        lived = play(world, script, store) => lived,
    }
}

/// The store did not open: the machine went down meanwhile, or the disk failed, which whoever runs it puts right.
fn not_opened(world: &World, faults_before: u64, error: &StoreError) -> Lived {
    if world.disk.counts().faults > faults_before {
        world.disk.crash(Crash::Kill);
    }
    world.disk.down().map_or(Lived::Not(error.to_string()), crashed)
}

fn crashed(crash: Crash) -> Lived {
    Lived::On(End::Crashed(crash))
}

/// Runs an engine through the rest of the script, and at its end until all is quiet.
async fn play(world: &Arc<World>, script: &mut Script, store: Arc<SimStore>) -> Lived {
    let parts = Parts {
        store: Arc::clone(&store) as Arc<dyn Store>,
        carrier: Arc::new(Handlers { world: Arc::clone(world) }),
        clock: Arc::new(LifeClock(world.now_living())),
        limits: limits(),
        plugins: None,
        public_url: None,
        cities: None,
        collector: None,
    };
    let engine = match Engine::start(parts).await {
        Ok(engine) => engine,
        Err(error) => return Lived::Not(error.to_string()),
    };
    if world.now_living().number == 1 && script.set_up(world, &engine).await.is_none() {
        return Lived::Not("it could not be set up".to_owned());
    }
    while script.steps > 0 {
        match script.step(world, &engine).await {
            Next::Goes => {}
            Next::Crash(crash) => {
                world.disk.crash(crash);
                return crashed(crash);
            }
            Next::Restart => {
                at_rest().await;
                engine.shutdown(Duration::from_secs(20)).await;
                return Lived::On(End::Stopped);
            }
        }
    }
    match until_quiet(world, script, &engine).await {
        Some(is_quiet) => Lived::Out(Box::new(read_all(world, &store, is_quiet))),
        None => Lived::Not("nothing can be asked of the engine, though all is well".to_owned()),
    }
}

/// Lets everybody go on who can, so that who is told to stop is told nothing else at the same time.
async fn at_rest() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

/// Whether all that is owed has ended before the time for it was over.
async fn until_quiet(world: &Arc<World>, script: &mut Script, engine: &Engine) -> Option<bool> {
    script::calm_down(world, engine).await?;
    for _ in 0..CALM_DAYS_MAX * 24 * 3 {
        script.post_again(world, engine).await;
        let store = engine.store();
        let open = store.measures(engine.now()).await.ok()?.open;
        let resends = store.running_resends().await.ok()?.len();
        if open == 0 && resends == 0 && !script.is_anything_unanswered() {
            return Some(true);
        }
        tokio::time::sleep(Duration::from_secs(1_200)).await;
    }
    Some(false)
}

/// What the store holds.
fn read_all(world: &World, store: &SimStore, is_quiet: bool) -> Final {
    use leadhook_store::{Measured as _, Resends as _};
    let mut found = Final { is_quiet, ..Final::default() };
    for account in script::accounts() {
        let mut query = DeliveryQuery { limit: 500, ..DeliveryQuery::default() };
        while let Ok(page) = now(store.inner.deliveries(account, query.clone())) {
            found.deliveries.extend(page.rows.into_iter().map(|shown| (account.0, shown.delivery)));
            let Some(next) = page.next else { break };
            query.before = Some(next);
        }
        for resend in now(store.inner.resends(account, 500, None)).map(|page| page.rows).unwrap_or_default() {
            world.note(What::ResendIs { account, id: resend.id, phase: resend.phase });
        }
    }
    let posts = locked(&world.posts).clone();
    for post in posts.values() {
        let lead = now(store.inner.lead(AccountId(post.account), &script::reference(post)));
        if let Ok(Some((_, history))) = lead {
            found.events.insert(post.lead.clone(), history.into_iter().map(|cause| cause.event_id).collect());
        }
    }
    found.set_aside = now(store.inner.measures(world.now())).map_or(0, |measures| measures.quarantined);
    found
}

/// The clock of a life, as its engine has it.
struct LifeClock(Arc<Life>);

#[async_trait]
impl Clock for LifeClock {
    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    async fn sleep_until(&self, time: Timestamp) {
        self.0.clock.sleep_until(time).await;
    }

    fn jitter(&self) -> f64 {
        self.0.clock.jitter()
    }
}

fn without_end(seed: u64, world: &World, why: String) -> Report {
    let mut report = report(seed, world, &Final { is_quiet: true, ..Final::default() });
    report.violations = vec![Violation { invariant: Invariant::OpensAgain, detail: why }];
    report
}

fn report(seed: u64, world: &World, found: &Final) -> Report {
    let history = world.history();
    let posts = locked(&world.posts).clone();
    let rules = locked(&world.rules).clone();
    let violations = check::all(&check::Evidence::of(&history, &posts, rules, found));
    let count = |is: fn(&What) -> bool| history.iter().filter(|entry| is(&entry.what)).count();
    Report {
        seed,
        violations,
        sendings: count(|what| matches!(what, What::Sending { .. })),
        events: found.events.values().map(Vec::len).sum(),
        deliveries: found.deliveries.len(),
        grouped: *locked(&world.grouped),
        disk: world.disk.counts(),
        trace: history.iter().map(|entry| format!("{entry:?}")).collect(),
    }
}
