//! Exit codes say what kind of failure it was, and the words what to do; shells and manuals are told of all commands.

use leadhook_harness::Program;

use crate::world::{command, complaint, engine, printed};

#[tokio::test]
async fn an_exit_code_says_what_kind_of_failure_it_was_and_the_words_what_to_do() {
    let engine = engine().await;
    let server = format!("http://{}", engine.address());
    let program = async |arguments: &[&str]| Program::start(arguments.iter().copied()).end().await;

    let told = complaint(program(&["webhook", "list", "--server", &server, "--key", "wrong"]).await, 6);
    assert!(told.contains("does not take this key") && told.contains("--key-file"), "{told}");
    let told = complaint(program(&["webhook", "list", "--server", &server]).await, 6);
    assert!(told.contains("no API key") && told.contains("LEADHOOK_API_KEY"), "{told}");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let free = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let told = complaint(program(&["webhook", "list", "--server", &free, "--key", "any"]).await, 5);
    assert!(told.contains("leadhook serve") && told.contains("--server"), "{told}");
    let told = complaint(program(&["webhook", "list", "--server", "nowhere", "--key", "any"]).await, 2);
    assert!(told.contains("expected a URL"), "{told}");
    complaint(program(&["webhook", "no-such-action"]).await, 2);

    let unknown = "dlv_00000000000000000000000000000000000000";
    complaint(command(&engine, &["delivery", "show", unknown]).await, 3);
    let told = complaint(command(&engine, &["delivery", "list", "--state", "lost"]).await, 4);
    assert!(told.contains("state: `lost` is not one of"), "{told}");
    complaint(command(&engine, &["webhook", "create", "/no/such/file"]).await, 1);
}

#[tokio::test]
async fn shells_and_manuals_are_told_of_every_command() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = printed(Program::start(["completions", shell]).end().await, 0);
        for command in ["webhook", "delivery", "apply", "activate", "--dry-run"] {
            assert!(script.contains(command.trim_start_matches('-')), "{shell} has no {command}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    printed(Program::start(["man", "--dir", &pages.to_string_lossy()]).end().await, 0);
    let page = std::fs::read_to_string(pages.join("leadhook-webhook-activate.1")).unwrap();
    assert!(page.contains("force"), "{page}");
    assert!(!pages.join("leadhook-openapi.1").exists(), "what is hidden has no page");
}
