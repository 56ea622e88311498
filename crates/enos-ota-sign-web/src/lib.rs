//! The signer of [`enos_ota_sign`] for a web page.
//!
//! The page puts its texts in and takes the results out a byte at a time, so that no pointer crosses the border and
//! neither glue code nor a generator of it is needed: `clear`, `put` the inputs, `sign`, then `length` and `byte` of each
//! output. The texts are some hundred bytes long, and a call takes nanoseconds.

#![expect(unsafe_code, reason = "an exported name counts as unsafe; nothing else here is")]

mod signer;

use std::cell::RefCell;

use signer::Signer;

thread_local! {
    static SIGNER: RefCell<Signer> = RefCell::default();
}

/// Wipes all inputs and outputs.
#[unsafe(no_mangle)]
pub extern "C" fn clear() {
    SIGNER.with_borrow_mut(|signer| *signer = Signer::default());
}

/// Appends a byte of UTF-8 to an input: 0 access token, 1 query or URL, 2 body, 3 timestamp, 4 app secret. Any other
/// number is passed over.
#[unsafe(no_mangle)]
pub extern "C" fn put(input: u32, byte: u8) {
    SIGNER.with_borrow_mut(|signer| signer.put(input, byte));
}

/// Signs the inputs. 0 if that went well, 1 if the output 2 says why not.
#[unsafe(no_mangle)]
pub extern "C" fn sign() -> u32 {
    SIGNER.with_borrow_mut(|signer| u32::from(!signer.sign()))
}

/// Length of an output in bytes: 0 the signed parameters, 1 the signature, 2 the complaint, 3 the input that the complaint
/// is about.
#[unsafe(no_mangle)]
pub extern "C" fn length(output: u32) -> usize {
    SIGNER.with_borrow(|signer| signer.output(output).len())
}

/// A byte of an output; 0 beyond its end.
#[unsafe(no_mangle)]
pub extern "C" fn byte(output: u32, index: usize) -> u8 {
    SIGNER.with_borrow(|signer| signer.output(output).as_bytes().get(index).copied().unwrap_or_default())
}
