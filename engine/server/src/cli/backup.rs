//! `leadhook backup`, `restore` and `verify`: a data folder copied, brought back and looked through.

mod saving;

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, bail};
use hyper::Method;
use indicatif::{ProgressBar, ProgressStyle};
use leadhook_core::time::Timestamp;
use leadhook_store::{
    Upkeep as _,
    redb::{self, FILE_NAME, Options, RedbStore},
};

use self::saving::Saving;
use super::{
    access::{Endpoint, Whose},
    block_on,
    client::Client,
    master_key::GivenMasterKey,
    terminal::{Style, Terminal},
};

pub(super) const BACKUP: &str = "\
Examples:
  leadhook backup /backups/leadhook-monday
  leadhook backup FILE --server https://hooks.example --key-file ./operator-key
  leadhook backup FILE --data /var/lib/leadhook        # of a folder that no engine has open

The engine goes on meanwhile. FILE gets its name when it is whole; one that is there is replaced then.
It holds everything of all accounts but the files beside the store: keep the folder's key files apart from it.
The operator's key: --key, else --key-file, else LEADHOOK_OPERATOR_KEY, else ./leadhook-data/operator-key.";

pub(super) const RESTORE: &str = "\
Examples:
  leadhook restore /backups/leadhook-monday --data /var/lib/leadhook

DIR is made, or is there and empty. The engine on it wants the master key of the one that was backed up: put its
file master-key into DIR afterwards, or give the key as docs/operations.md says. It delivers what the one of
then owed. Do not run it beside that one: each would deliver.";

pub(super) const VERIFY: &str = "\
Examples:
  leadhook verify --data /var/lib/leadhook
  leadhook verify --backup /backups/leadhook-monday

Reads everything, checks every sum and follows what points at something else; changes nothing. No engine may
have the folder open.
Exit code: 0 when all is well, 1 when not, with what is wrong.";

/// How much of a backup is read at a time.
const PIECE_BYTES: usize = 256 * 1024;

/// What is backed up, and where to.
#[derive(Debug, clap::Args)]
pub(crate) struct Backup {
    /// The file that the backup becomes
    file: PathBuf,
    /// A data folder that no engine has open, in the place of a running engine
    #[arg(long, value_name = "DIR", conflicts_with_all = ["server", "key", "key_file"])]
    data: Option<PathBuf>,
    #[command(flatten)]
    master_key: GivenMasterKey,
    #[command(flatten)]
    endpoint: Endpoint,
}

/// What is restored, and where to.
#[derive(Debug, clap::Args)]
pub(crate) struct Restore {
    /// The backup
    file: PathBuf,
    /// The data folder, new or empty
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

/// What is verified.
#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    /// The data folder, which no engine may have open
    #[arg(long, value_name = "DIR", default_value = "./leadhook-data")]
    data: PathBuf,
    /// A backup, in the place of a folder
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    backup: Option<PathBuf>,
    #[command(flatten)]
    master_key: GivenMasterKey,
}

/// Makes a backup.
pub(crate) fn backup(options: &Backup, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let mut saving = Saving::begin(&options.file)?;
    let bar = bar()?;
    block_on(async {
        match &options.data {
            Some(dir) => copy_folder(dir, &options.master_key, &mut saving, &bar).await?,
            None => {
                let client = Client::of(&options.endpoint, Whose::Operator)?;
                client.download(Method::POST, "/v1/backups", |piece| saving.take(piece, &bar)).await?;
            }
        }
        Ok(ExitCode::SUCCESS)
    })?;
    let head = saving.finish()?;
    bar.finish_and_clear();
    terminal.line(format!(
        "{}: {} rows as of {}; the key files of the folder are not in it, and without the master key it is of no use",
        options.file.display(),
        head.rows,
        head.made_at.to_rfc3339()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// The folder is opened as an engine does, so that none may have it open.
async fn copy_folder(
    dir: &Path,
    master_key: &GivenMasterKey,
    saving: &mut Saving,
    bar: &ProgressBar,
) -> anyhow::Result<()> {
    if !dir.join(FILE_NAME).exists() {
        bail!("{} holds no store", dir.display());
    }
    let store = match master_key.of(dir)? {
        Some(keys) => RedbStore::open_sealed(dir, Options::default(), keys)?.0,
        None => RedbStore::open(dir, Options::default())?,
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let mut backup = store.begin_backup(Timestamp(i64::try_from(now.as_millis())?)).await?;
    while let Some(block) = backup.next_block()? {
        saving.take(&block, bar)?;
    }
    Ok(())
}

/// Restores a backup.
pub(crate) fn restore(options: &Restore, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let bar = bar()?;
    let head = redb::restore(opened(&options.file)?, &options.data, |done, of| {
        bar.set_length(of.max(1));
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    terminal.line(format!(
        "{}: {} rows as of {}, made by leadhook {}",
        options.data.display(),
        head.rows,
        head.made_at.to_rfc3339(),
        head.version
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Verifies a data folder or a backup.
pub(crate) fn verify(options: &Verify, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let bar = ProgressBar::new_spinner();
    if let Some(file) = &options.backup {
        let rows = saving::check(opened(file)?, PIECE_BYTES)?;
        terminal.line(format!("{} is whole: {rows} rows", file.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let keys = options.master_key.of(&options.data)?;
    bar.enable_steady_tick(Duration::from_millis(200));
    let verified =
        redb::verify(&options.data, keys.as_ref(), |rows| bar.set_message(format!("{rows} rows")))?;
    bar.finish_and_clear();
    for flaw in &verified.told {
        terminal.line(format!("{}  {}: {}", terminal.paint(Style::Red, "wrong"), flaw.table, flaw.what))?;
    }
    if verified.flaws == 0 {
        terminal.line(format!("{} is sound: {} rows", options.data.display(), verified.rows))?;
        return Ok(ExitCode::SUCCESS);
    }
    let (flaws, rows) = (verified.flaws, verified.rows);
    terminal.line(format!(
        "{flaws} things are wrong among {rows} rows; keep the folder as it is, and restore a backup"
    ))?;
    Ok(ExitCode::FAILURE)
}

fn opened(file: &Path) -> anyhow::Result<File> {
    File::open(file).with_context(|| format!("{} cannot be read", file.display()))
}

fn bar() -> anyhow::Result<ProgressBar> {
    let bar = ProgressBar::new(1);
    bar.set_style(ProgressStyle::with_template(
        "{bar:20} {percent:>3} %  {elapsed:>4}  {pos} of {len} rows",
    )?);
    Ok(bar)
}
