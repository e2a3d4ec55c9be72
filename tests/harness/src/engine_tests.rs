//! Starting, ending and failing of an engine, on a stand-in that is a shell script.

use std::path::Path;

use super::*;

/// Says that it is ready, then waits for its end; `$@` are the arguments of the real one.
const READY_AND_WAITING: &str = r#"echo "$LEADHOOK_API_KEY $@"; echo "listening on http://127.0.0.1:4567"
trap 'echo ended well; exit 0' TERM; while :; do read -t 1 nothing <> <(:) || :; done"#;

fn stand_in(script: &str) -> Setup {
    let stand_in = ["bash", "-c", script, "leadhook"].map(str::to_owned).to_vec();
    Setup { stand_in, ..Setup::default() }
}

#[tokio::test]
async fn it_is_started_terminated_and_started_again_on_the_same_folder() {
    let mut engine = stand_in(READY_AND_WAITING).arguments(["--config", "x.toml"]).start().await;
    assert_eq!(engine.address(), SocketAddr::from(([127, 0, 0, 1], 4567)));
    let data = engine.data();
    let started = format!(
        "{KEY} serve --listen 127.0.0.1:0 --allow-destination 127.0.0.0/8 --data {} --config x.toml",
        data.display()
    );
    assert!(engine.log().contains(&started), "{}", engine.log());

    assert!(engine.terminate().await.success());
    engine.restart().await;
    engine.restart().await;
    assert_eq!(engine.data(), data);
    assert_eq!(engine.log().matches("listening on").count(), 3);
    assert_eq!(engine.log().matches("ended well").count(), 2);
}

#[tokio::test]
async fn it_is_killed_without_a_word_and_when_dropped() {
    let mut engine = stand_in(READY_AND_WAITING).start().await;
    engine.kill();
    assert!(!engine.log().contains("ended well"));
    engine.restart().await;
    let process = Path::new("/proc").join(engine.process_id().to_string());
    assert!(process.exists() || !Path::new("/proc").exists());
    drop(engine);
    assert!(!process.exists());
}

#[tokio::test]
#[should_panic(expected = "ended before it was ready: exit status: 3\nthe end of its log:\nno such folder")]
async fn an_engine_that_does_not_start_shows_why() {
    stand_in("echo no such folder; exit 3").start().await;
}

#[test]
fn a_line_that_is_not_there_whole_is_not_read() {
    assert_eq!(address_in("listening on http://127.0.0.1:80"), None);
    let address = Some(SocketAddr::from(([127, 0, 0, 1], 8080)));
    assert_eq!(address_in("key: x\nlistening on http://127.0.0.1:8080\nmore"), address);
}
