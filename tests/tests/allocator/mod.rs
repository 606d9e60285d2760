//! An allocator that counts for each thread what is held and what was held at most, for tests of what octets from
//! outside may cost.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

/// The system's allocator, counted.
struct Counting;

thread_local! {
    /// Below zero where something is freed that another thread, or the time before, allocated.
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

fn add(octets: isize) {
    // A thread that is ending counts no more.
    let _ = HELD.try_with(|held| {
        held.set(held.get().saturating_add(octets));
        let _ = MOST.try_with(|most| most.set(most.get().max(held.get())));
    });
}

// SAFETY: both functions do what the system's allocator does; counting touches neither the memory nor its layout.
#[allow(unsafe_code, reason = "the trait of allocators is unsafe")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(isize::try_from(layout.size()).unwrap_or(isize::MAX));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        add(-isize::try_from(layout.size()).unwrap_or(isize::MAX));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Counts anew. What is held at most from now on, in this thread, is [`most_held`].
pub(crate) fn begin() {
    HELD.set(0);
    MOST.set(0);
}

/// The octets that this thread held at its highest since [`begin`]. A buffer that grows counts twice while it moves.
pub(crate) fn most_held() -> usize {
    MOST.get().unsigned_abs()
}
