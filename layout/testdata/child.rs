// Prints where values of its own lie, one "name address" a line, and then waits for its standard input to end.
use std::io::{self, Read, Write};
use std::{sync::mpsc, thread};

static CONSTANT: [u8; 11] = *b"a constant ";
static RELOCATED: [&[u8; 11]; 4] = [&CONSTANT; 4];
static mut INITIALISED: [u64; 4] = [1, 2, 3, 4];
static mut ZEROED: [u64; 5000] = [0; 5000];

#[no_mangle]
pub extern "C" fn function() {}

fn show<T: ?Sized>(name: &str, at: *const T) {
    println!("{} {:x}", name, at as *const u8 as usize);
}

fn main() {
    let heap = Box::new([1u8; 100]);
    let stack = 1u64;
    let (tell, told) = mpsc::channel();
    let (_hold, held) = mpsc::channel::<()>();
    thread::Builder::new()
        .name("a thread".into())
        .spawn(move || {
            let local = 1u64;
            tell.send(&local as *const u64 as usize).unwrap();
            let _ = held.recv();
        })
        .unwrap();
    show("function", function as *const u8);
    show("constant", &CONSTANT);
    show("relocated", &RELOCATED);
    show("initialised", std::ptr::addr_of!(INITIALISED));
    show("zeroed", std::ptr::addr_of!(ZEROED));
    show("heap", &*heap);
    show("stack", &stack);
    show("thread", told.recv().unwrap() as *const u8);
    println!("end 0");
    io::stdout().flush().unwrap();
    let _ = io::stdin().read_to_end(&mut Vec::new());
}
