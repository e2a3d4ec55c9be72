//! The ratchet: what is held about every file of this workspace, so that nobody has to remember it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests end by panicking")]

use std::{fs, path::Path};

use leadhook_tests::{Manifest, files, has_extension, manifests, root};

mod tidy {
    pub(super) mod items;
    pub(super) mod text;
}

use tidy::{items, text};

/// Looks at every file with one of these extensions; complaints name the file.
fn complaints(extensions: &[&str], look: impl Fn(&Path, &str) -> Vec<String>) -> Vec<String> {
    let root = root();
    let looked_at =
        files(&root).into_iter().filter(|path| extensions.iter().any(|one| has_extension(path, one)));
    let of_file = |path: std::path::PathBuf| {
        let text = fs::read_to_string(root.join(&path)).unwrap_or_default();
        look(&path, &text).into_iter().map(move |complaint| format!("{}: {complaint}", path.display()))
    };
    looked_at.flat_map(of_file).collect()
}

#[track_caller]
fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn a_source_file_opens_with_a_sentence_about_itself() {
    none(&complaints(&["rs"], |_, text| text::opening(text)));
    assert!(text::opening("//! What it is for.\n\nfn f() {}").is_empty());
    assert!(text::opening("//! What it is for,\n//! over two lines.\n//!\n//! More").is_empty());
    for bad in
        ["", "fn f() {}", "//!\n//! Late.", "//! No full stop", "// What.\nfn f() {}", "#![allow(x)]\n//! X."]
    {
        assert_eq!(text::opening(bad).len(), 1, "{bad:?}");
    }
}

#[test]
fn a_source_file_has_under_400_lines() {
    none(&complaints(&["rs"], |_, text| text::length(text)));
    assert!(text::length(&"\n".repeat(399)).is_empty());
    assert_eq!(text::length(&"\n".repeat(400)), ["400 lines; under 400 are allowed"]);
}

#[test]
fn a_function_has_under_70_lines() {
    none(&complaints(&["rs"], |_, text| items::long_functions(text)));
    let function = |lines: usize| format!("/// Doc.\nfn f() {{\n{}}}\n", "f();\n".repeat(lines - 2));
    assert!(items::long_functions(&function(69)).is_empty());
    assert_eq!(items::long_functions(&function(70)), ["2: `f` has 70 lines; under 70 are allowed"]);
    let method = format!("impl X {{\n{}}}\ntrait Y {{\n{}}}", function(70), function(71));
    assert_eq!(items::long_functions(&method).len(), 2);
    assert_eq!(items::long_functions("fn f( {").len(), 1, "what cannot be read is told");
}

#[test]
fn nothing_has_a_name_that_says_nothing() {
    none(&complaints(&["rs"], |path, text| {
        let mut found = text::file_name(path);
        found.extend(items::empty_names(text));
        found
    }));
    for bad in ["a/util.rs", "a/helpers.rs", "manager/mod.rs", "message.rs"] {
        assert_eq!(text::file_name(Path::new(bad)).len(), 1, "{bad}");
    }
    assert!(
        text::file_name(Path::new("tests/data/form.rs")).is_empty(),
        "the shared test data keep their folder"
    );
    let bad = [
        "fn handle_event() {}",
        "fn send_inner() {}",
        "struct LeadInfo;",
        "enum JobState {}",
        "trait DataManager {}",
    ];
    for bad in bad {
        assert_eq!(items::empty_names(bad).len(), 1, "{bad}");
    }
    assert!(
        items::empty_names("struct Metadata; struct Database; fn handler() {} enum P { Manager }").is_empty()
    );
}

#[test]
fn nothing_is_left_to_be_done_later() {
    none(&complaints(&["rs", "toml", "md", "php", "mjs", "js", "py", "sh", "yml"], |_, text| {
        text::left_over(text)
    }));
    for word in text::LEFT_OVER.map(|parts| parts.concat()) {
        assert_eq!(text::left_over(&format!("x\n// {word} later")), [format!("2: `{word}`")]);
    }
    assert!(text::left_over("a list of todos, todo").is_empty());
}

#[test]
fn the_project_speaks_only_of_itself() {
    let extensions = ["rs", "toml", "md", "php", "mjs", "js", "py", "sh", "yml", "json", "wit"];
    none(&complaints(&extensions, |_, text| text::foreign(text)));
    for bad in
        [["see issue", " #12"], ["in ../sh", "ared/x"], ["cd /wo", "rk/main"], ["https://cra", "tes.io/x"]]
    {
        assert_eq!(text::foreign(&bad.concat()).len(), 1, "{bad:?}");
    }
    assert!(text::foreign("the issue of 12 tags; a shared/framework").is_empty());
}

#[test]
fn versions_stand_in_the_table_of_the_workspace_only() {
    let all = manifests();
    // What is a workspace of its own, for another compiler, has a table of its own.
    let members = all.iter().filter(|manifest| !manifest.table.contains_key("workspace"));
    let found = members.flat_map(own_versions);
    none(&found.collect::<Vec<_>>());
    let bad = Manifest::parse(
        "x/Cargo.toml",
        "[package]\nname = 'x'\n[dependencies]\na = '1'\nb = { version = '1' }\nc = { path = '../c' }\n\
         d.workspace = true\n[dev-dependencies]\ne = { git = 'g' }\n[target.'cfg(unix)'.dependencies]\nf = '2'",
    );
    assert_eq!(own_versions(&bad).len(), 5);
}

#[test]
fn the_table_of_the_workspace_has_no_git_and_no_wildcard() {
    let all = manifests();
    let workspace = all.first().and_then(|manifest| manifest.table.get("workspace")).cloned();
    let table = |text: &str| text.parse::<toml::Table>().unwrap();
    none(&loose_versions(
        workspace.as_ref().and_then(toml::Value::as_table).expect("the first is the workspace's"),
    ));
    let bad =
        "[dependencies]\na = '*'\nb = { git = 'g' }\nc = { version = '*' }\nd = '1'\ne = { path = 'e' }";
    assert_eq!(loose_versions(&table(bad)).len(), 3);
}

/// Dependencies of a member that do not come from the table of the workspace.
fn own_versions(manifest: &Manifest) -> Vec<String> {
    let from_table = |said: &toml::Value| said.get("workspace").and_then(toml::Value::as_bool) == Some(true);
    let own = manifest.dependencies().into_iter().filter(|dependency| !from_table(&dependency.said));
    let path = manifest.path.display();
    own.map(|dependency| format!("{path}: `{}` is to be `workspace = true`", dependency.name)).collect()
}

/// Entries of the workspace's table that name no version of the registry and no folder of this workspace.
fn loose_versions(workspace: &toml::Table) -> Vec<String> {
    let entries = workspace.get("dependencies").and_then(toml::Value::as_table);
    let is_loose = |said: &toml::Value| {
        let version = said.as_str().or_else(|| said.get("version").and_then(toml::Value::as_str));
        said.get("git").is_some()
            || version.is_none_or(|version| version.contains('*')) && said.get("path").is_none()
    };
    let loose = entries.into_iter().flatten().filter(|(_, said)| is_loose(said));
    loose.map(|(name, _)| format!("Cargo.toml: `{name}` needs a version of the registry")).collect()
}
