//! Counting what is allocated.
#![expect(unsafe_code, reason = "the trait of allocators is unsafe to implement")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

static COUNTING: AtomicBool = AtomicBool::new(false);
static CALLS: AtomicU64 = AtomicU64::new(0);
static OCTETS: AtomicU64 = AtomicU64::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The system's allocator, with a count of calls and octets while one is wanted.
struct Counting;

// SAFETY: every call is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        weigh(layout.size() as i64);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        weigh(layout.size() as i64);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        weigh(size as i64 - layout.size() as i64);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        weigh(-(layout.size() as i64));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn count(octets: usize) {
    if COUNTING.load(Relaxed) {
        CALLS.fetch_add(1, Relaxed);
        OCTETS.fetch_add(octets as u64, Relaxed);
    }
}

/// The calls and octets that `act` allocates. Not while timing: counting takes time.
pub(crate) fn counted(act: impl FnOnce()) -> (u64, u64) {
    CALLS.store(0, Relaxed);
    OCTETS.store(0, Relaxed);
    COUNTING.store(true, Relaxed);
    act();
    COUNTING.store(false, Relaxed);
    (CALLS.load(Relaxed), OCTETS.load(Relaxed))
}

thread_local! {
    /// Octets this thread holds more than when it began to watch, and the most it ever did; `None` while
    /// nobody watches.
    static HEAP: Cell<Option<(i64, i64)>> = const { Cell::new(None) };
}

fn weigh(octets: i64) {
    // A thread that ends has nothing to watch any more.
    let _ = HEAP.try_with(|heap| {
        if let Some((held, most)) = heap.get() {
            let held = held + octets;
            heap.set(Some((held, most.max(held))));
        }
    });
}

/// How much the heap of this thread grows at most while it acts. Other threads do not count.
pub(crate) fn growth<R>(act: impl FnOnce() -> R) -> (u64, R) {
    HEAP.set(Some((0, 0)));
    let result = act();
    let most = HEAP.take().map_or(0, |(_, most)| most);
    (u64::try_from(most).unwrap_or(0), result)
}
