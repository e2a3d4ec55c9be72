//! `leadhook apply`: sites and webhooks made to match files; the plan first, then the changes.

mod carrying;
mod files;
mod plan;
mod references;
mod show;

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use self::{
    carrying::carry_out,
    files::Wanted,
    plan::{Plan, Present},
    references::References,
};
use super::{
    access::Access,
    block_on,
    client::Client,
    failure::{Exit, Failure},
    terminal::{Terminal, complain},
};

pub(super) const HELP: &str = "\
Examples:
  leadhook apply shop.toml --dry-run
  leadhook apply settings/ --yes --secrets ~/.leadhook-secrets.toml
  leadhook apply settings/ --prune

A file holds sites by their ids and webhooks with names of their own, in TOML or JSON:

  [sites.60001]
  name = \"Shop\"

  [[webhooks]]
  name = \"CRM\"
  active = true
  url = \"https://crm.example/hook?token=${CRM_TOKEN}\"
  signing = { secrets = [{ secret = \"crm-signing\" }] }

A webhook is known by its name; one that is renamed in a file is another. Settings are replaced whole, as PUT does.
`active` switches it on, after its handler took a sample lead (--force: whatever it answers), or off; left out, it
stays as it is. ${NAME} is taken from the environment, { secret = \"name\" } from the file of --secrets; $${ stands
for ${. What is in no file stays, unless --prune is given and the files hold others of its kind.

Exit code: 0 as the files have it, 2 faults in the files and nothing was done, 10 with --dry-run when there would be
changes, else the usual ones; what went well before a failure stays, and applying again goes on from there.";

/// What is applied, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Files in TOML (.toml) or JSON (.json), and folders of them
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Show the plan, change nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Do not ask before changing anything
    #[arg(long)]
    yes: bool,
    /// Delete sites and webhooks that are in no file
    #[arg(long)]
    prune: bool,
    /// Switch webhooks on even if their handlers do not take the sample lead
    #[arg(long)]
    force: bool,
    /// A file with the values of secrets, by name; keep it out of version control
    #[arg(long, value_name = "FILE")]
    secrets: Option<PathBuf>,
    #[command(flatten)]
    access: Access,
}

/// Plans, asks and carries out.
pub(crate) fn run(options: &Options, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    let mut references = References::of_process(options.secrets.as_deref())?;
    let wanted = match Wanted::read(&options.files, &mut references) {
        Ok(wanted) => wanted,
        Err(faults) => return Ok(refuse(&faults)),
    };
    block_on(async {
        let client = Client::new(&options.access)?;
        let present = Present::read(&client).await?;
        let plan = match Plan::make(wanted, &present, options.prune) {
            Ok(plan) => plan,
            Err(faults) => return Ok(refuse(&faults)),
        };
        let faults = plan.check(&client).await?;
        if !faults.is_empty() {
            return Ok(refuse(&faults));
        }
        match options.access.json {
            true => show::as_json(&plan, &references, terminal)?,
            false => show::in_words(&plan, &references, terminal)?,
        }
        if !plan.has_changes() {
            return Ok(ExitCode::SUCCESS);
        }
        if options.dry_run {
            return Ok(Exit::WouldChange.into());
        }
        if !options.yes && !is_wanted()? {
            complain("nothing was changed");
            return Ok(ExitCode::FAILURE);
        }
        carry_out(&plan, &client, options.force).await
    })
}

fn refuse(faults: &[String]) -> ExitCode {
    faults.iter().for_each(|fault| complain(format!("error: {fault}")));
    Exit::Usage.into()
}

/// Asks whoever sits there.
fn is_wanted() -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        let words = "there is nobody to ask: --yes carries it out, --dry-run only shows it";
        return Err(Failure::new(Exit::Usage, words).into());
    }
    write!(io::stderr(), "Carry it out? [y/N] ")?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
