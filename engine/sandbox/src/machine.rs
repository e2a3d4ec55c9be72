//! What all calls share: the engine that compiles and runs, its ticker, the places and the instances kept warm.

use std::num::NonZeroUsize;

use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use crate::{
    SandboxError,
    limits::{FRAMES_MAX, Limits, STACK_BYTES},
    places::Places,
    ticker::Ticker,
    warm::Warm,
};

/// The most core instances of one component: a module with its glue has 3, an interpreter with its libraries 30.
pub(crate) const INSTANCES_MAX: u32 = 64;
/// The most linear memories of one component: an interpreter whose foreign imports are stubbed brings an empty one for
/// each layer of stubs.
pub(crate) const MEMORIES_MAX: u32 = 4;
/// The most tables of one component.
pub(crate) const TABLES_MAX: u32 = 16;
/// The most elements of one table.
pub(crate) const TABLE_ELEMENTS_MAX: usize = 128 * 1024;

/// What a pool's slot keeps in memory between two calls instead of giving it back, in bytes: cleaning a little is
/// cheaper than asking for it again. Where the kernel says which pages were written, only they are cleaned.
const KEPT_RESIDENT_BYTES: usize = 1024 * 1024;
/// The same where it does not say so (Linux before 6.7), and all of it is cleaned each time.
const KEPT_RESIDENT_UNSEEN_BYTES: usize = 128 * 1024;

/// Where the memory of instances comes from. Compiled code differs with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// Slots that are reserved once. It takes some terabytes of addresses, and no memory.
    Pool,
    /// As needed, with bounds checks in the code: for where addresses are limited.
    OnDemand,
}

impl Room {
    /// How the compiling child is told.
    pub(crate) fn as_byte(self) -> u8 {
        match self {
            Self::Pool => b'p',
            Self::OnDemand => b'd',
        }
    }

    pub(crate) fn of_byte(byte: u8) -> Option<Self> {
        [Self::Pool, Self::OnDemand].into_iter().find(|room| room.as_byte() == byte)
    }
}

/// What all calls share.
pub(crate) struct Machine {
    pub(crate) engine: Engine,
    pub(crate) room: Room,
    pub(crate) ticker: Ticker,
    pub(crate) places: Places,
    pub(crate) warm: Warm,
}

impl Machine {
    /// With a pool where there are addresses for it, else without.
    pub(crate) fn new(calls_max: u32, warm_max: u32) -> Result<Self, SandboxError> {
        let slots = calls_max.max(1).saturating_add(warm_max);
        let mut pooled = config(Room::Pool);
        pooled.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(slots)));
        let (engine, room) = match Engine::new(&pooled) {
            Ok(engine) => (engine, Room::Pool),
            Err(error) => {
                tracing::debug!(%error, slots, "no pool of instances can be reserved; memory is asked for as needed");
                let engine = Engine::new(&config(Room::OnDemand)).map_err(SandboxError::MakeEngine)?;
                (engine, Room::OnDemand)
            }
        };
        let ticker = Ticker::start(&engine).map_err(SandboxError::StartTicker)?;
        let (places, warm) = (Places::new(calls_max.max(1)), Warm::new(warm_max));
        Ok(Self { engine, room, ticker, places, warm })
    }
}

/// An engine that only compiles, to the code that [`Machine`]'s engine takes.
pub(crate) fn compiler(room: Room) -> Result<Engine, SandboxError> {
    Engine::new(&config(room)).map_err(SandboxError::MakeEngine)
}

fn config(room: Room) -> Config {
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES)
        .wasm_backtrace_max_frames(NonZeroUsize::new(FRAMES_MAX))
        // The same call gives the same bytes on each machine.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .wasm_memory64(false)
        .cranelift_opt_level(OptLevel::Speed)
        // Frames are named by function; lines would need debug sections, and this table is large.
        .generate_address_map(false);
    if room == Room::OnDemand {
        config.memory_reservation(0).memory_guard_size(64 * 1024).memory_reservation_for_growth(1024 * 1024);
    }
    config
}

fn pool(slots: u32) -> PoolingAllocationConfig {
    let kept_bytes = match PoolingAllocationConfig::is_pagemap_scan_available() {
        true => KEPT_RESIDENT_BYTES,
        false => KEPT_RESIDENT_UNSEEN_BYTES,
    };
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_core_instances(slots.saturating_mul(INSTANCES_MAX))
        .total_memories(slots.saturating_mul(MEMORIES_MAX))
        .total_tables(slots.saturating_mul(TABLES_MAX))
        .max_core_instances_per_component(INSTANCES_MAX)
        .max_memories_per_component(MEMORIES_MAX)
        .max_tables_per_component(TABLES_MAX)
        .max_tables_per_module(TABLES_MAX)
        .max_memories_per_module(MEMORIES_MAX)
        .table_elements(TABLE_ELEMENTS_MAX)
        .max_memory_size(Limits::MAX.memory_bytes as usize)
        .pagemap_scan(Enabled::Auto)
        .linear_memory_keep_resident(kept_bytes)
        .table_keep_resident(KEPT_RESIDENT_UNSEEN_BYTES);
    pool
}
