//! A running engine is backed up, and an engine on the restored folder delivers what was owed; what is no whole backup and
//! what is no empty folder is refused.

use std::{fs, path::Path};

use leadhook_harness::{Answer, Ended, Engine, Program, Receiver};
use serde_json::json;

use crate::world::{engine, in_state, post_calls, webhook};

/// `leadhook backup` of a running engine, with a key from a file.
async fn backup(engine: &Engine, file: &Path, key_file: &Path) -> Ended {
    let server = format!("http://{}", engine.address());
    let (file, key_file) = (file.to_str().unwrap(), key_file.to_str().unwrap());
    Program::start(["backup", file, "--server", &server, "--key-file", key_file]).end().await
}

async fn restore(file: &Path, data: &Path) -> Ended {
    Program::start(["restore", file.to_str().unwrap(), "--data", data.to_str().unwrap()]).end().await
}

async fn verify(data: &Path) -> Ended {
    Program::start(["verify", "--data", data.to_str().unwrap()]).end().await
}

#[tokio::test]
async fn what_was_owed_when_it_was_backed_up_is_delivered_after_a_restore() {
    let mut engine = engine().await;
    let receiver = Receiver::start().await;
    let settings = json!({ "url": receiver.url("/hook"), "retry": { "after_seconds": vec![1; 50] } });
    let webhook = webhook(&engine, settings).await;
    receiver.answer_by(|_| Answer::status(500));
    post_calls(&engine, 1..=20).await;
    in_state(&engine, &webhook, "retrying", 20).await;

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup");
    let made = backup(&engine, &file, &engine.data().join("operator-key")).await;
    assert_eq!(made.code, Some(0), "{made:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    let in_use = verify(&engine.data()).await;
    assert!(in_use.code == Some(1) && in_use.stderr.contains("in use"), "{in_use:?}");

    engine.kill();
    let key = fs::read(engine.data().join("master-key")).unwrap();
    fs::remove_dir_all(engine.data()).unwrap();
    let restored = restore(&file, &engine.data()).await;
    assert_eq!(restored.code, Some(0), "{restored:?}");
    let sealed = verify(&engine.data()).await;
    assert!(sealed.code == Some(1) && sealed.stderr.contains("--master-key-file"), "{sealed:?}");
    fs::write(engine.data().join("master-key"), key).unwrap();
    let verified = verify(&engine.data()).await;
    assert!(verified.code == Some(0) && verified.stdout.contains("is sound"), "{verified:?}");
    receiver.answer_by(|_| Answer::status(200));
    engine.restart().await;
    in_state(&engine, &webhook, "delivered", 20).await;
}

#[tokio::test]
async fn what_cannot_be_a_backup_or_restored_is_refused_and_leaves_nothing() {
    let engine = engine().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup");
    let account_key = folder.path().join("key");
    fs::write(&account_key, engine.key()).unwrap();
    let refused = backup(&engine, &file, &account_key).await;
    assert!(refused.code != Some(0) && refused.stderr.contains("the operator's key"), "{refused:?}");
    assert!(!file.exists());

    let made = backup(&engine, &file, &engine.data().join("operator-key")).await;
    assert_eq!(made.code, Some(0), "{made:?}");
    let onto = restore(&file, folder.path()).await;
    assert!(onto.code == Some(1) && onto.stderr.contains("not empty"), "{onto:?}");
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() - 1]).unwrap();
    let data = folder.path().join("data");
    let cut = restore(&file, &data).await;
    assert!(cut.code == Some(1) && cut.stderr.contains("not whole"), "{cut:?}");
    assert_eq!(fs::read_dir(&data).unwrap().count(), 0);
    let verified = Program::start(["verify", "--backup", file.to_str().unwrap()]).end().await;
    assert!(verified.code == Some(1) && verified.stderr.contains("not whole"), "{verified:?}");
}

#[tokio::test]
async fn secrets_are_sealed_and_change_over_to_another_master_key() {
    let mut engine = engine().await;
    let secret = "hunter2-hunter2-hunter2";
    let (status, answer) = engine.put("/v1/secrets/crm", &json!({ "value": secret })).await;
    assert!(status < 300, "{status} {answer}");
    engine.terminate().await;
    let stands = |engine: &Engine| {
        let store = fs::read(engine.data().join("leadhook.redb")).unwrap();
        store.windows(secret.len()).any(|part| part == secret.as_bytes())
    };
    assert!(!stands(&engine));

    engine.restart_as(Engine::setup().environment("LEADHOOK_MASTER_KEY", &"5a".repeat(32))).await;
    assert!(engine.log().contains("the old master key"), "it says that the old one can go");
    engine.terminate().await;
    fs::remove_file(engine.data().join("master-key")).unwrap();
    let lost =
        Program::start(["serve", "--listen", "127.0.0.1:0", "--data", engine.data().to_str().unwrap()]);
    let lost = lost.end().await;
    assert!(lost.code == Some(1) && lost.stderr.contains("LEADHOOK_MASTER_KEY"), "{lost:?}");
    engine.restart().await;
    let (status, listed) = engine.get("/v1/secrets").await;
    assert!(status == 200 && listed.to_string().contains("crm"), "{listed}");
    assert!(!stands(&engine));
}
