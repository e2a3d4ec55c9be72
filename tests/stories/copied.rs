//! A folder that is copied while an engine runs is no backup: what is torn is refused and sends nothing, and a backup restores.

use std::{
    collections::BTreeSet,
    fs,
    io::{Read as _, Write as _},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use leadhook_harness::{Ended, Program, Receiver, wait_until};
use serde_json::json;

use crate::world::{Load, deliveries, engine, lead_ids, printed, webhook};

/// How many copies are made.
const COPIES: usize = 4;
/// So much is copied at one time, as by a copy over a network.
const BLOCK_BYTES: usize = 64 * 1024;
/// How many events are acknowledged between two blocks.
const EVENTS_BETWEEN: usize = 3;
/// How many are acknowledged before the first copy.
const EVENTS_BEFORE: usize = 200;

async fn acknowledged(load: &Load, count: usize) -> BTreeSet<String> {
    wait_until(&format!("{count} events are acknowledged"), async || {
        let acknowledged = load.acknowledged();
        (acknowledged.len() >= count).then_some(acknowledged)
    })
    .await
}

/// Copies the folder block by block, while events go on being acknowledged.
async fn copy(from: &Path, to: &Path, load: &Load) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        if !entry.file_type().unwrap().is_file() {
            continue;
        }
        let mut source = fs::File::open(entry.path()).unwrap();
        let mut target = fs::File::create(to.join(entry.file_name())).unwrap();
        let mut block = vec![0; BLOCK_BYTES];
        loop {
            let length = source.read(&mut block).unwrap();
            if length == 0 {
                break;
            }
            target.write_all(&block[..length]).unwrap();
            acknowledged(load, load.acknowledged().len() + EVENTS_BETWEEN).await;
        }
    }
}

async fn leadhook(arguments: &[&str]) -> Ended {
    Program::start(arguments.iter().copied()).end().await
}

/// Whether both a look at the copy and a start on it are refused, in plain words.
async fn is_refused(copy: &Path) -> bool {
    let data = copy.to_str().unwrap();
    let looked_at = leadhook(&["verify", "--data", data]).await;
    if looked_at.code == Some(0) {
        return false;
    }
    assert!(looked_at.code == Some(1) && looked_at.stderr.contains("restore a backup"), "{looked_at:?}");
    let arguments =
        ["serve", "--listen", "127.0.0.1:0", "--allow-destination", "127.0.0.0/8", "--data", data];
    let started = leadhook(&arguments).await;
    assert!(started.code == Some(1) && started.stderr.contains("restore a backup"), "{started:?}");
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_copied_while_an_engine_ran_is_refused_where_it_is_torn_and_a_backup_restores() {
    let mut engine = engine().await;
    let receiver = Receiver::start().await;
    webhook(&engine, json!({ "url": receiver.url("/hook") })).await;
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup");
    let copies: Vec<_> = (0..COPIES).map(|number| folder.path().join(number.to_string())).collect();
    let (load, is_enough) = (Load::default(), AtomicBool::new(false));
    let client = || load.post_until(&engine, |_| is_enough.load(Ordering::Relaxed));
    let copying = async {
        let before = acknowledged(&load, EVENTS_BEFORE).await;
        let (data, server) = (engine.data(), format!("http://{}", engine.address()));
        let key = data.join("operator-key");
        let arguments = ["backup", backup.to_str().unwrap(), "--server", &server, "--key-file"];
        printed(leadhook(&[&arguments[..], &[key.to_str().unwrap()]].concat()).await, 0);
        for to in &copies {
            copy(&data, to, &load).await;
        }
        is_enough.store(true, Ordering::Relaxed);
        before
    };
    let ((), (), (), (), before) = tokio::join!(client(), client(), client(), client(), copying);
    engine.terminate().await;

    let sent = receiver.requests().len();
    let mut refused = 0;
    for copy in &copies {
        refused += usize::from(is_refused(copy).await);
    }
    assert!(refused > 0, "none of {COPIES} copies is torn, so that nothing was shown");
    assert_eq!(receiver.requests().len(), sent, "nothing is sent from what is refused");

    let key = fs::read(engine.data().join("master-key")).unwrap();
    fs::remove_dir_all(engine.data()).unwrap();
    let data = engine.data();
    printed(leadhook(&["restore", backup.to_str().unwrap(), "--data", data.to_str().unwrap()]).await, 0);
    fs::write(data.join("master-key"), key).unwrap();
    printed(leadhook(&["verify", "--data", data.to_str().unwrap()]).await, 0);
    engine.restart().await;
    let known = wait_until("all that was owed when it was backed up is delivered", async || {
        let all = deliveries(&engine, "").await;
        all.iter().all(|one| one["state"] == "delivered").then_some(all)
    })
    .await;
    let known: BTreeSet<_> =
        known.iter().map(|one| one["lead"]["id"].as_str().unwrap_or_default().to_owned()).collect();
    assert!(known.is_superset(&before), "{:?} are lost", before.difference(&known));
    assert!(lead_ids(&receiver.requests()).is_superset(&before));
}
