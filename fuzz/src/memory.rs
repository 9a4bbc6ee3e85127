//! How much memory one input may take.

use peak_alloc::PeakAlloc;

/// Counts what the Rust side allocates; the crypto library's own memory is not in it.
#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// A reader may hold this many bytes for each byte of its input. The worst are objects of many
/// short members: five bytes of text become a name and a value of 56 bytes in a list that doubles.
const BYTES_FOR_EACH: usize = 64;
/// And this many whatever the input is.
const BYTES_AT_LEAST: usize = 64 * 1024;

/// Runs `read` and stops the process when it took more memory than its input allows.
pub fn bounded<R>(input: &[u8], read: impl FnOnce() -> R) -> R {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let result = read();
    let taken = ALLOCATOR.peak_usage().saturating_sub(before);
    let limit = BYTES_AT_LEAST + BYTES_FOR_EACH * input.len();
    assert!(taken <= limit, "{taken} bytes of memory for {} bytes of input", input.len());
    result
}
