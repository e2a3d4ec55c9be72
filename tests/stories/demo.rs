//! The demonstration shows the whole job and leaves nothing behind.

use leadhook_harness::Program;

#[tokio::test]
async fn the_demo_shows_a_delay_a_filter_a_plugin_a_retry_and_a_table_and_leaves_nothing_behind() {
    let ended = Program::start(["demo"]).end().await;
    let (printed, complained) = (&ended.stdout, &ended.stderr);
    assert_eq!(ended.code, Some(0), "{printed}\n{complained}");
    assert_eq!(ended.left_files, Vec::<String>::new());
    assert!(!ended.left_process);

    let (_, table) = printed.split_once("What became of everything").expect("a table closes it");
    let rows: Vec<_> = table.lines().collect();
    let one_with = |parts: &[&str]| {
        let found = rows.iter().any(|row| parts.iter().all(|part| row.contains(part)));
        assert!(found, "no row with {parts:?} in\n{table}");
    };
    one_with(&["call_ended", "delivered", "5 minutes after it was owed"]);
    one_with(&["call_ended", "skipped", "the lead's traffic does not fit: medium is «organic»"]);
    one_with(&[
        "request_created",
        "delivered",
        "answered 503, then the handler answered 200; through json-body",
    ]);
    assert!(printed.contains("signature valid") && printed.contains("Ёлкина Мария Сергеевна"), "{printed}");
    assert!(
        printed.contains(r#""fio": "Ёлкина Мария Сергеевна""#),
        "a plugin made JSON of a form\n{printed}"
    );
    assert!(!printed.contains('\u{1b}'), "no colours where nobody looks");
}
