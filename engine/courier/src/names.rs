//! From a host name to addresses that may be connected to: resolved once, every answer checked, remembered briefly.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, ToSocketAddrs as _},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use leadhook_core::{address::AddressPolicy, outcome::BrokenKind};
use tokio::{
    sync::{Mutex as AsyncMutex, Semaphore},
    task,
    time::Instant,
};

use crate::{broken::Broken, destinations::Destinations};

/// The most lookups that [`SystemNames`] has in flight. Others wait within their own deadlines.
pub const LOOKUPS_MAX: usize = 64;
/// The most names remembered; beyond it names are resolved each time.
const NAMES_MAX: usize = 10_000;

/// Looks names up. A trait so that tests can lie.
#[async_trait]
pub trait Resolve: Send + Sync + 'static {
    /// Every address of this host, in the order in which they should be tried.
    ///
    /// # Errors
    /// When the name does not resolve, for whatever reason.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The operating system's resolver, with its files and its order of preference.
#[derive(Debug, Clone)]
pub struct SystemNames {
    lookups: Arc<Semaphore>,
}

impl Default for SystemNames {
    fn default() -> Self {
        Self { lookups: Arc::new(Semaphore::new(LOOKUPS_MAX)) }
    }
}

#[async_trait]
impl Resolve for SystemNames {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let permit = Arc::clone(&self.lookups).acquire_owned().await.map_err(io::Error::other)?;
        let host = host.to_owned();
        // A lookup cannot be called off: the permit stays with its thread, even when nobody waits any more.
        let lookup = move || {
            let _permit = permit;
            Ok((host.as_str(), 0).to_socket_addrs()?.map(|address| address.ip()).collect())
        };
        task::spawn_blocking(lookup).await?
    }
}

/// The addresses of a name, all of which may be connected to, and until when they are remembered.
#[derive(Debug, Clone)]
struct Known {
    addresses: Arc<[IpAddr]>,
    /// By which they were checked; once there is another, they are looked up and checked anew.
    policy: Arc<AddressPolicy>,
    until: Instant,
}

/// One name. Whoever holds the lock looks it up, and the others wait: one slow name takes one lookup, not many.
type Entry = Arc<AsyncMutex<Option<Known>>>;

/// Checked addresses by name.
pub(crate) struct Names {
    resolver: Box<dyn Resolve>,
    destinations: Arc<Destinations>,
    kept_for: Duration,
    entries: Mutex<HashMap<String, Entry>>,
}

impl Names {
    pub(crate) fn new(resolver: Box<dyn Resolve>, policy: AddressPolicy, kept_for: Duration) -> Self {
        let destinations = Arc::new(Destinations::new(policy));
        Self { resolver, destinations, kept_for, entries: Mutex::default() }
    }

    /// The rules by which addresses are checked.
    pub(crate) fn destinations(&self) -> &Arc<Destinations> {
        &self.destinations
    }

    /// The addresses of a host, at least one. Fails closed: one forbidden address among them denies them all,
    /// since the next lookup could put it first.
    pub(crate) async fn addresses(&self, host: &str) -> Result<Arc<[IpAddr]>, Broken> {
        let entry = self.entry(host);
        let mut known = entry.lock().await;
        let policy = self.destinations.current();
        let holds = |known: &&Known| Instant::now() < known.until && Arc::ptr_eq(&known.policy, &policy);
        if let Some(known) = known.as_ref().filter(holds) {
            return Ok(Arc::clone(&known.addresses));
        }
        *known = None;
        let addresses = self.look_up(host, &policy).await?;
        let until = Instant::now() + self.kept_for;
        *known = Some(Known { addresses: Arc::clone(&addresses), policy, until });
        Ok(addresses)
    }

    async fn look_up(&self, host: &str, policy: &AddressPolicy) -> Result<Arc<[IpAddr]>, Broken> {
        let unresolved = |why: &str| Broken::new(BrokenKind::NameNotResolved, format!("{host}: {why}"));
        let mut addresses =
            self.resolver.resolve(host).await.map_err(|error| unresolved(&error.to_string()))?;
        let mut seen = Vec::with_capacity(addresses.len());
        addresses.retain(|address| {
            !seen.contains(address) && {
                seen.push(*address);
                true
            }
        });
        if addresses.is_empty() {
            return Err(unresolved("there is no address"));
        }
        for address in &addresses {
            policy.permits(*address).map_err(|denied| {
                Broken::new(BrokenKind::AddressDenied, format!("{host} resolves to {denied}"))
            })?;
        }
        Ok(addresses.into())
    }

    fn entry(&self, host: &str) -> Entry {
        let mut entries = self.locked();
        if let Some(entry) = entries.get(host) {
            return Arc::clone(entry);
        }
        if entries.len() >= NAMES_MAX {
            let now = Instant::now();
            entries.retain(|_, entry| Arc::strong_count(entry) > 1 || is_remembered(entry, now));
        }
        let entry = Entry::default();
        if entries.len() < NAMES_MAX {
            entries.insert(host.to_owned(), Arc::clone(&entry));
        }
        entry
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_remembered(entry: &Entry, now: Instant) -> bool {
    entry.try_lock().is_ok_and(|known| known.as_ref().is_some_and(|known| now < known.until))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Answers 127.0.0.N to lookup number N, whatever is asked.
    #[derive(Clone, Default)]
    struct Counting(Arc<AtomicUsize>);

    #[async_trait]
    impl Resolve for Counting {
        async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
            let number = self.0.fetch_add(1, Ordering::Relaxed) + 1;
            task::yield_now().await;
            Ok(vec![IpAddr::from([127, 0, 0, u8::try_from(number).unwrap_or(u8::MAX)])])
        }
    }

    fn names(resolver: &Counting) -> Names {
        let policy = AddressPolicy::new(vec!["127.0.0.0/8".parse().unwrap()]);
        Names::new(Box::new(resolver.clone()), policy, Duration::from_secs(10))
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_remembered_for_its_time_and_no_longer() {
        let resolver = Counting::default();
        let names = names(&resolver);
        let first = names.addresses("crm.example").await.unwrap();
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(names.addresses("crm.example").await.unwrap(), first);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_ne!(names.addresses("crm.example").await.unwrap(), first);
        assert_eq!(resolver.0.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn a_name_that_is_remembered_is_checked_by_the_policy_of_now() {
        let names = names(&Counting::default());
        names.addresses("crm.example").await.unwrap();
        names.destinations().replace(AddressPolicy::default());
        let denied = names.addresses("crm.example").await.unwrap_err();
        assert_eq!(denied.kind, BrokenKind::AddressDenied);
    }

    #[tokio::test]
    async fn those_who_ask_for_one_name_at_once_share_one_lookup() {
        let resolver = Counting::default();
        let names = names(&resolver);
        let (one, two) = tokio::join!(names.addresses("crm.example"), names.addresses("crm.example"));
        assert_eq!(one.unwrap(), two.unwrap());
        assert_eq!(resolver.0.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_names_remembered_are_bounded_and_old_ones_make_room() {
        let resolver = Counting::default();
        let names = names(&resolver);
        for number in 0..NAMES_MAX + 5 {
            names.addresses(&format!("host{number}.example")).await.unwrap();
        }
        assert_eq!(names.locked().len(), NAMES_MAX);
        tokio::time::advance(Duration::from_secs(10)).await;
        names.addresses("new.example").await.unwrap();
        assert_eq!(names.locked().len(), 1);
    }

    #[tokio::test]
    async fn the_systems_resolver_knows_this_machine() {
        let addresses = SystemNames::default().resolve("localhost").await.unwrap();
        assert!(addresses.iter().all(IpAddr::is_loopback) && !addresses.is_empty(), "{addresses:?}");
    }
}
