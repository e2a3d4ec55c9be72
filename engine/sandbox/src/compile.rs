//! Compiles in a child process, so that a module that is slow or hungry to compile costs nobody else.
//!
//! The child reads one byte that says for which kind of engine, then the component, and answers with one byte that
//! says how it went, then the compiled code or words.

use std::{
    ffi::OsString,
    io::{self, Read, Write},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Resource, Rlimit, getrlimit, nice, setrlimit};

use crate::{
    SandboxError,
    limits::WASM_BYTES_MAX,
    machine::{Room, compiler},
    record::cut,
    refusal::Refusal,
};

/// What compiling may take of memory on top of what the process has when it begins, in bytes.
const MEMORY_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// The child's own bound on its processor time, should nobody be there to end it.
const CPU_SECONDS_MAX: u64 = 120;
/// A component of a core module is larger than it by its glue.
const COMPONENT_BYTES_MAX: u64 = WASM_BYTES_MAX as u64 + 1024 * 1024;
/// The most compiled code that is taken from a child, in bytes.
const CODE_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// The most that is read of what a dying child says.
const LAST_WORDS_BYTES_MAX: u64 = 4 * 1024;
/// How often a child that has answered is asked whether it ended.
const END_POLL: Duration = Duration::from_millis(2);

const DONE: u8 = 1;
const NOT_COMPILED: u8 = 2;

/// Where compiling is done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Compile {
    /// In this process, unbounded: for tests, and for modules that are one's own.
    #[default]
    InProcess,
    /// In a child process that calls [`compile_as_child`].
    Child {
        /// The program.
        program: PathBuf,
        /// What makes it call that.
        args: Vec<OsString>,
    },
}

/// The child's side: reads a component from the standard input and writes what it compiles to, or why it does not,
/// to the standard output. It takes limits on its own memory and processor time first, so it is to be called at
/// once, on the main thread, and the process is to end after it.
///
/// # Errors
///
/// The pipes are broken, or the limits cannot be set.
pub fn compile_as_child() -> Result<(), SandboxError> {
    limit_self().map_err(SandboxError::LimitCompiler)?;
    let mut input = Vec::new();
    let stdin = io::stdin().lock();
    stdin.take(COMPONENT_BYTES_MAX + 2).read_to_end(&mut input).map_err(SandboxError::TalkToCompiler)?;
    let (room, component) = input.split_first().ok_or_else(|| no_request("it is empty"))?;
    let room = Room::of_byte(*room).ok_or_else(|| no_request("its first byte is unknown"))?;
    let (status, answer) = match compiler(room)?.precompile_component(component) {
        Ok(code) => (DONE, code),
        Err(error) => (NOT_COMPILED, format!("{error:#}").into_bytes()),
    };
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(&[status]).and_then(|()| stdout.write_all(&answer));
    written.and_then(|()| stdout.flush()).map_err(SandboxError::TalkToCompiler)
}

fn no_request(what: &str) -> SandboxError {
    let error = io::Error::new(io::ErrorKind::InvalidInput, format!("no request to compile: {what}"));
    SandboxError::TalkToCompiler(error)
}

fn limit_self() -> io::Result<()> {
    lower(Resource::As, address_bytes()? + MEMORY_BYTES_MAX)?;
    lower(Resource::Cpu, CPU_SECONDS_MAX)?;
    lower(Resource::Core, 0)?;
    // Neighbours go first; where that is refused it is still correct.
    let _ = nice(10);
    Ok(())
}

/// Sets a limit, unless there is a lower one already.
fn lower(resource: Resource, wished: u64) -> io::Result<()> {
    let hard = getrlimit(resource).maximum;
    let limit = Some(hard.map_or(wished, |hard| hard.min(wished)));
    Ok(setrlimit(resource, Rlimit { current: limit, maximum: limit })?)
}

/// The addresses that this process has taken so far, in bytes.
fn address_bytes() -> io::Result<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm")?;
    let pages: Option<u64> = pages.split(' ').next().and_then(|text| text.parse().ok());
    let pages = pages.ok_or_else(|| io::Error::other("/proc/self/statm has no size"))?;
    Ok(pages * rustix::param::page_size() as u64)
}

/// Compiles a component to code for an engine of this kind.
pub(crate) fn compile(
    component: &[u8],
    room: Room,
    compile: &Compile,
    deadline: Duration,
) -> Result<Vec<u8>, SandboxError> {
    match compile {
        Compile::InProcess => compiler(room)?
            .precompile_component(component)
            .map_err(|error| Refusal::Compile { detail: format!("{error:#}") }.into()),
        Compile::Child { program, args } => {
            let mut command = Command::new(program);
            command.args(args).env_clear();
            in_child(command, component, room, deadline)
        }
    }
}

fn in_child(
    mut command: Command,
    component: &[u8],
    room: Room,
    deadline: Duration,
) -> Result<Vec<u8>, SandboxError> {
    let until = Instant::now() + deadline;
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(SandboxError::StartCompiler)?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (answered, answer) = mpsc::channel();
    let (spoken, answer, ended) = thread::scope(|scope| {
        scope.spawn(move || {
            let mut stdin = stdin?;
            // A child that reads no further says why by its end.
            stdin.write_all(&[room.as_byte()]).and_then(|()| stdin.write_all(component)).ok()
        });
        let last_words = scope.spawn(move || read_up_to(stderr, LAST_WORDS_BYTES_MAX));
        scope.spawn(move || answered.send(read_up_to(stdout, CODE_BYTES_MAX)));
        let answer = answer.recv_timeout(until.saturating_duration_since(Instant::now())).ok();
        let ended = end(&mut child, until);
        (last_words.join().unwrap_or_default(), answer, ended)
    });
    let status = ended.map_err(SandboxError::TalkToCompiler)?;
    let slow = || Refusal::CompileSlow { seconds: deadline.as_secs() };
    let (Some(status), Some(answer)) = (status, answer) else {
        return Err(slow().into());
    };
    judge(answer, status, &String::from_utf8_lossy(&spoken), slow)
}

/// Waits until the child ended, and ends it at its deadline: then there is no status.
fn end(child: &mut Child, until: Instant) -> io::Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= until {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(END_POLL);
    }
}

fn judge(
    mut answer: Vec<u8>,
    status: ExitStatus,
    last_words: &str,
    slow: impl Fn() -> Refusal,
) -> Result<Vec<u8>, SandboxError> {
    let hungry = || Refusal::CompileHungry { bytes_max: MEMORY_BYTES_MAX };
    let is_hungry = |words: &str| words.contains("memory allocation of") || words.contains("os error 12");
    match answer.first() {
        Some(&DONE) if status.success() => {
            answer.remove(0);
            Ok(answer)
        }
        Some(&NOT_COMPILED) if status.success() => {
            let words = String::from_utf8_lossy(&answer[1..]).into_owned();
            let refusal = if is_hungry(&words) { hungry() } else { Refusal::Compile { detail: words } };
            Err(refusal.into())
        }
        _ if is_hungry(last_words) => Err(hungry().into()),
        _ if signal(status) == Some(rustix::process::Signal::XCPU.as_raw()) => Err(slow().into()),
        _ => {
            let detail = format!("the compiler ended with {status}: {}", cut(last_words.trim(), 500));
            Err(Refusal::Compile { detail }.into())
        }
    }
}

fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

fn read_up_to(source: Option<impl Read>, bytes_max: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(source) = source {
        // What was read before an error is what there is.
        let _ = source.take(bytes_max).read_to_end(&mut bytes);
    }
    bytes
}
