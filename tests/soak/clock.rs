//! A wall clock that can be stepped, loaded into a process before the C library (`LD_PRELOAD`), so that the program
//! under test needs no test hook. It is not part of the workspace: `clock.py` compiles it with `rustc` alone.
//!
//! In: the file `SOAK_CLOCK_FILE`, an array of 64-bit numbers of nanoseconds: the first is added to every process's
//! wall clock, the one at `SOAK_CLOCK_SLOT` only to this one's. They may change at any moment. The clock for durations
//! (`CLOCK_MONOTONIC`) is not stepped, as on a real machine; `SOAK_CLOCK_SLOWER` slows it down by that factor, so that
//! a busy machine does not make the process time out.

use std::ffi::{CStr, c_char, c_int, c_long, c_void};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicI64, AtomicPtr, Ordering};

const CLOCK_REALTIME: c_int = 0;
const CLOCK_MONOTONIC: c_int = 1;
const CLOCK_REALTIME_COARSE: c_int = 5;
#[cfg(target_arch = "x86_64")]
const SYS_CLOCK_GETTIME: c_long = 228;
#[cfg(target_arch = "aarch64")]
const SYS_CLOCK_GETTIME: c_long = 113;
const PROT_READ: c_int = 1;
const MAP_SHARED: c_int = 1;
const NANOS: i64 = 1_000_000_000;
/// The size set by `clock.py`.
const FILE_BYTES: usize = 4096;

#[repr(C)]
pub struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn getenv(name: *const c_char) -> *const c_char;
    fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    fn mmap(at: *mut c_void, length: usize, protection: c_int, flags: c_int, file: c_int, offset: i64) -> *mut c_void;
}

static STEPS: AtomicPtr<AtomicI64> = AtomicPtr::new(null_mut());
static SLOT: AtomicI64 = AtomicI64::new(0);
/// 0 until known.
static SLOWER: AtomicI64 = AtomicI64::new(0);

/// The offset of this process's wall clock, in nanoseconds.
fn step() -> i64 {
    let mut steps = STEPS.load(Ordering::Acquire);
    // SAFETY: the environment is only read, the names end in zero, and the map lasts as long as the process.
    unsafe {
        if steps.is_null() {
            let (path, slot) = (getenv(c"SOAK_CLOCK_FILE".as_ptr()), getenv(c"SOAK_CLOCK_SLOT".as_ptr()));
            if path.is_null() || slot.is_null() {
                return 0;
            }
            let slot = CStr::from_ptr(slot).to_str().ok().and_then(|slot| slot.parse().ok()).unwrap_or(0);
            let map = mmap(null_mut(), FILE_BYTES, PROT_READ, MAP_SHARED, open(path, 0), 0);
            if map as isize == -1 {
                return 0;
            }
            SLOT.store(slot, Ordering::Release);
            steps = map.cast();
            STEPS.store(steps, Ordering::Release);
        }
        let own = &*steps.add(SLOT.load(Ordering::Acquire) as usize);
        (*steps).load(Ordering::Acquire) + own.load(Ordering::Acquire)
    }
}

fn slower() -> i64 {
    let known = SLOWER.load(Ordering::Relaxed);
    if known > 0 {
        return known;
    }
    // SAFETY: the environment is only read, and the name ends in zero.
    let text = unsafe {
        let text = getenv(c"SOAK_CLOCK_SLOWER".as_ptr());
        if text.is_null() { c"" } else { CStr::from_ptr(text) }
    };
    let slower = text.to_str().ok().and_then(|text| text.parse().ok()).unwrap_or(1).max(1);
    SLOWER.store(slower, Ordering::Relaxed);
    slower
}

/// # Safety
/// As the C library's function of that name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: c_int, time: *mut Timespec) -> c_int {
    // SAFETY: the caller's pointer is passed on unchanged, and written to only where the kernel could write to it.
    unsafe {
        let done = syscall(SYS_CLOCK_GETTIME, clock, time) as c_int;
        if done == 0 && clock == CLOCK_MONOTONIC && slower() > 1 {
            let nanoseconds = ((*time).seconds * NANOS + (*time).nanoseconds) / slower();
            (*time).seconds = nanoseconds / NANOS;
            (*time).nanoseconds = nanoseconds % NANOS;
        }
        if done == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) {
            let nanoseconds = (*time).nanoseconds + step();
            (*time).seconds += nanoseconds.div_euclid(NANOS);
            (*time).nanoseconds = nanoseconds.rem_euclid(NANOS);
        }
        done
    }
}
