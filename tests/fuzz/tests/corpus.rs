//! The corpus of each target, and seeded mutations of it: a short run each time, a longer one by `LEADHOOK_FUZZ_RUNS`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests end by panicking and tell their figures"
)]

use std::{
    fs, panic,
    path::{Path, PathBuf},
};

use leadhook_fuzz::{
    TARGETS,
    mutate::{Dice, mutated},
    target,
};

/// How many mutations each target is tried with, unless `LEADHOOK_FUZZ_RUNS` says otherwise.
const RUNS: usize = 2_000;

fn number_in(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../data/fuzz").join(name);
    let mut paths: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn fuzz(name: &str) {
    let run = target(name).unwrap().run;
    let corpus = corpus(name);
    assert!(!corpus.is_empty(), "{name} has no corpus");
    corpus.iter().for_each(|input| run(input));
    let runs = number_in("LEADHOOK_FUZZ_RUNS").and_then(|runs| runs.try_into().ok()).unwrap_or(RUNS);
    let mut dice = Dice::new(number_in("LEADHOOK_FUZZ_SEED").unwrap_or(7));
    let kept = std::env::temp_dir().join(format!("leadhook-fuzz-{name}-{}", std::process::id()));
    for number in 0..runs {
        let input = mutated(&corpus, &mut dice);
        // Written before, since some ends of a process cannot be caught: memory that is not there, a stack that is full.
        fs::write(&kept, &input).unwrap();
        if panic::catch_unwind(|| run(&input)).is_err() {
            panic!("{name}: input {number} is kept at {}: mend it and add it to the corpus", kept.display());
        }
    }
    fs::remove_file(&kept).unwrap();
    println!("{name}: {} of the corpus, {runs} mutations", corpus.len());
}

macro_rules! one_test_each {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            fuzz(stringify!($name));
        })*

        #[test]
        fn each_target_has_its_test() {
            let tested = [$(stringify!($name)),*];
            assert_eq!(TARGETS.iter().map(|target| target.name).collect::<Vec<_>>(), tested);
        }
    };
}
one_test_each!(event relay settings site row guest response signature);

#[test]
fn each_target_can_be_led_by_coverage_too() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("coverage");
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    for name in TARGETS.iter().map(|target| target.name) {
        assert!(manifest.contains(&format!("name = \"{name}\"\npath = \"targets/{name}.rs\"")), "{name}");
        let source = fs::read_to_string(folder.join(format!("targets/{name}.rs"))).unwrap();
        assert!(source.contains(&format!("leadhook_fuzz::target(\"{name}\")")), "{name}");
    }
}
