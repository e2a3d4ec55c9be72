//! Where a plugin's memory comes from: room that is handed out in a row, since nothing outlives a call.
//!
//! A call makes some hundred small texts and is over. Handing out their room in a row costs a fraction of finding freed
//! room again. And room that a module begins with costs the engine nothing, where a memory that grows has it change
//! page protections twice for each call. What does not fit comes from the usual allocator, which takes freed room back.
#![allow(
    unsafe_code,
    reason = "there is no safe way to write an allocator; inside the sandbox it can hurt its own plugin only"
)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::{Cell, UnsafeCell},
    ptr,
};

/// Room for what nearly every call makes of a full lead.
#[cfg(target_family = "wasm")]
const BYTES: usize = 1024 * 1024;

#[cfg(target_family = "wasm")]
#[global_allocator]
static ARENA: Arena<BYTES> = Arena::new();

/// The most that anything in the arena is aligned to.
const ALIGN_MAX: usize = 16;

/// Room that is handed out in a row.
#[repr(C, align(16))]
struct Arena<const BYTES: usize> {
    room: UnsafeCell<[u8; BYTES]>,
    /// How much of it is handed out.
    used: Cell<usize>,
}

// SAFETY: a module without shared memory has one thread.
#[cfg(target_family = "wasm")]
unsafe impl<const BYTES: usize> Sync for Arena<BYTES> {}

impl<const BYTES: usize> Arena<BYTES> {
    const fn new() -> Self {
        Self { room: UnsafeCell::new([0; BYTES]), used: Cell::new(0) }
    }

    /// Where in the arena this stands; `None` for what stands elsewhere.
    fn place_of(&self, at: *const u8) -> Option<usize> {
        let place = at.addr().wrapping_sub(self.room.get().addr());
        (place < BYTES).then_some(place)
    }

    /// Hands out the next room, if there is enough.
    fn take(&self, layout: Layout) -> Option<usize> {
        let place = self.used.get().checked_next_multiple_of(layout.align())?;
        let end = place.checked_add(layout.size())?;
        // The end of the arena is no place in it.
        let fits = end <= BYTES && place < BYTES && layout.align() <= ALIGN_MAX;
        fits.then(|| {
            self.used.set(end);
            place
        })
    }
}

// SAFETY: what `take` hands out lies inside `room`, is aligned as asked (so is `room`), and is handed out again only after
// it was given back: `used` moves back over the last piece alone. All else is the system's.
unsafe impl<const BYTES: usize> GlobalAlloc for Arena<BYTES> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.take(layout) {
            Some(place) => self.room.get().cast::<u8>().wrapping_add(place),
            // SAFETY: the caller's promises are handed on.
            None => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        match self.place_of(at) {
            Some(place) if place + layout.size() == self.used.get() => self.used.set(place),
            Some(_) => {}
            // SAFETY: what is not of the arena came from the system.
            None => unsafe { System.dealloc(at, layout) },
        }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        let Some(place) = self.place_of(at) else {
            // SAFETY: what is not of the arena came from the system.
            return unsafe { System.realloc(at, layout, bytes) };
        };
        let is_last = place + layout.size() == self.used.get();
        if let Some(end) = place.checked_add(bytes).filter(|end| is_last && *end <= BYTES) {
            self.used.set(end);
            return at;
        }
        if bytes <= layout.size() {
            return at;
        }
        // SAFETY: the caller promises that these bytes with this alignment are a layout.
        let to = unsafe { self.alloc(Layout::from_size_align_unchecked(bytes, layout.align())) };
        if !to.is_null() {
            // SAFETY: both are that long, and the new piece is another one.
            unsafe {
                ptr::copy_nonoverlapping(at, to, layout.size().min(bytes));
                self.dealloc(at, layout);
            }
        }
        to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(bytes: usize, align: usize) -> Layout {
        Layout::from_size_align(bytes, align).unwrap()
    }

    #[test]
    fn pieces_are_aligned_apart_and_inside() {
        let arena = Arena::<256>::new();
        // SAFETY: no size is 0, and nothing is used after it was given back.
        let pieces =
            unsafe { [arena.alloc(layout(3, 1)), arena.alloc(layout(8, 8)), arena.alloc(layout(1, 16))] };
        let places: Vec<_> = pieces.iter().map(|piece| arena.place_of(*piece).unwrap()).collect();
        assert_eq!(places, [0, 8, 16]);
    }

    #[test]
    fn the_last_piece_grows_where_it_is_and_is_given_back() {
        let arena = Arena::<256>::new();
        // SAFETY: as above.
        unsafe {
            let first = arena.alloc(layout(8, 1));
            first.write_bytes(7, 8);
            let grown = arena.realloc(first, layout(8, 1), 64);
            assert_eq!(grown, first);
            let second = arena.alloc(layout(8, 1));
            let moved = arena.realloc(grown, layout(64, 1), 80);
            assert_eq!((arena.place_of(second), arena.place_of(moved)), (Some(64), Some(72)));
            assert_eq!(std::slice::from_raw_parts(moved, 8), [7; 8]);
            arena.dealloc(moved, layout(80, 1));
            assert_eq!(arena.used.get(), 72);
        }
    }

    #[test]
    fn what_does_not_fit_comes_from_the_usual_allocator_and_goes_back_there() {
        let arena = Arena::<64>::new();
        // SAFETY: as above.
        unsafe {
            let small = arena.alloc(layout(40, 1));
            let large = arena.alloc(layout(64, 1));
            assert_eq!((arena.place_of(small), arena.place_of(large)), (Some(0), None));
            let large = arena.realloc(large, layout(64, 1), 1_000);
            arena.dealloc(large, layout(1_000, 1));
            let moved = arena.realloc(small, layout(40, 1), 100);
            assert_eq!((arena.place_of(moved), arena.used.get()), (None, 0));
            arena.dealloc(moved, layout(100, 1));
        }
    }
}
