//! What the checked programs run with: an allocator that tells each request, and a
//! register of variables, each at its place in memory. It tells on file descriptor 3, a
//! line each, fields apart by tabs:
//!
//!     alloc ADDR SIZE      realloc OLD NEW SIZE      free ADDR SIZE      refused 0x0 SIZE
//!     var ID ADDR SIZE ALIGN      a variable has its value
//!     end ID                      its block has ended; its own drop, if any, is next
//!     step LINE                   that line has just run; the variables that there are follow:
//!     is ID BYTES [VALUE]
//!     stopped                     unsafe code would run now; the program is stopped
//!     layout TYPE SIZE ALIGN      offset TYPE FIELD OFFSET
//!
//! Nothing here allocates: what is told is what the program did.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::{self, Debug, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::Mutex;

static TELLING: AtomicBool = AtomicBool::new(false);

/// A bit for each alloc to come, the lowest for the next one: those get no memory.
static REFUSED: AtomicU64 = AtomicU64::new(0);

/// Runs a program whose requests are told.
pub fn run(program: fn(), refused: u64) {
    println!(); // the buffer of stdout is no part of the program
    REFUSED.store(refused, SeqCst);
    TELLING.store(true, SeqCst);
    program();
    TELLING.store(false, SeqCst);
}

/// The allocator of all checked programs. It gives no address twice, so that of a stale
/// pointer, too, it can be told what it pointed to.
pub struct Telling;

unsafe impl GlobalAlloc for Telling {
    unsafe fn alloc(&self, l: Layout) -> *mut u8 {
        requested(l, || unsafe { System.alloc(l) })
    }

    unsafe fn alloc_zeroed(&self, l: Layout) -> *mut u8 {
        requested(l, || unsafe { System.alloc_zeroed(l) })
    }

    unsafe fn realloc(&self, old: *mut u8, l: Layout, size: usize) -> *mut u8 {
        if !TELLING.load(SeqCst) {
            return unsafe { System.realloc(old, l, size) };
        }
        let p = unsafe { System.alloc(Layout::from_size_align_unchecked(size, l.align())) };
        unsafe { p.copy_from_nonoverlapping(old, size.min(l.size())) };
        tell(format_args!("realloc\t{:#x}\t{:#x}\t{}", old.addr(), p.addr(), size));
        p
    }

    unsafe fn dealloc(&self, p: *mut u8, l: Layout) {
        if !TELLING.load(SeqCst) {
            return unsafe { System.dealloc(p, l) };
        }
        tell(format_args!("free\t{:#x}\t{}", p.addr(), l.size()));
    }
}

fn requested(l: Layout, alloc: impl FnOnce() -> *mut u8) -> *mut u8 {
    if !TELLING.load(SeqCst) {
        return alloc();
    }
    let refused = REFUSED.load(SeqCst);
    REFUSED.store(refused >> 1, SeqCst);
    if refused & 1 != 0 {
        tell(format_args!("refused\t0x0\t{}", l.size()));
        return std::ptr::null_mut();
    }
    let p = alloc();
    tell(format_args!("alloc\t{:#x}\t{}", p.addr(), l.size()));
    p
}

/// A variable: where it is, and how its value is printed where its type can be.
#[derive(Clone, Copy)]
struct Var {
    id: u32,
    at: *const u8,
    size: usize,
    print: Option<Print>,
}

type Print = fn(*const u8, &mut Line);

struct Register {
    vars: [Var; 256],
    n: usize,
}

unsafe impl Send for Register {}

static REGISTER: Mutex<Register> =
    Mutex::new(Register { vars: [Var { id: 0, at: std::ptr::null(), size: 0, print: None }; 256], n: 0 });

/// Lives as long as the variable declared before it, and takes no place in the frame.
pub struct Guard<const ID: u32>;

/// Registers the variable at p.
pub fn enter<const ID: u32, T>(p: *const T, print: Option<Print>) -> Guard<ID> {
    let mut r = REGISTER.lock().unwrap();
    let n = r.n;
    r.vars[n] = Var { id: ID, at: p.cast(), size: size_of::<T>(), print };
    r.n += 1;
    tell(format_args!("var\t{}\t{:#x}\t{}\t{}", ID, p.addr(), size_of::<T>(), align_of::<T>()));
    Guard
}

impl<const ID: u32> Drop for Guard<ID> {
    fn drop(&mut self) {
        let mut r = REGISTER.lock().unwrap();
        let n = r.n;
        let at = r.vars[..n].iter().rposition(|v| v.id == ID).unwrap();
        r.vars.copy_within(at + 1..n, at);
        r.n -= 1;
        tell(format_args!("end\t{}", ID));
    }
}

/// Tells the bytes of all variables there are, and of those in live the value too.
pub fn step(line: u32, live: &[u32]) {
    let r = REGISTER.lock().unwrap();
    tell(format_args!("step\t{}", line));
    for v in &r.vars[..r.n] {
        let mut out = Line::new();
        let _ = write!(out, "is\t{}\t", v.id);
        for i in 0..v.size {
            let _ = write!(out, "{:02x}", unsafe { v.at.add(i).read_volatile() });
        }
        if let (Some(print), true) = (v.print, live.contains(&v.id)) {
            let _ = out.write_str("\t");
            print(v.at, &mut out);
        }
        out.end();
    }
}

/// Ends the program before unsafe code runs: what that does, Rust does not say.
pub fn stop() {
    tell(format_args!("stopped"));
    TELLING.store(false, SeqCst);
    std::process::exit(0);
}

/// A value's address, for the choice of how to print it: a type with Debug is
/// printed, and for any other one the second trait is found.
pub struct Of<T>(pub *const T);

pub trait Shown {
    fn print(&self) -> Option<Print>;
}

pub trait Hidden {
    fn print(&self) -> Option<Print>;
}

impl<T: Debug> Shown for Of<T> {
    fn print(&self) -> Option<Print> {
        Some(|p, out| {
            let _ = write!(out, "{:?}", unsafe { &*p.cast::<T>() });
        })
    }
}

impl<T> Hidden for &Of<T> {
    fn print(&self) -> Option<Print> {
        None
    }
}

#[macro_export]
macro_rules! var {
    ($id:literal, $v:ident) => {{
        #[allow(unused_imports)]
        use $crate::check::{Hidden, Shown};
        let p = std::ptr::addr_of!($v);
        $crate::check::enter::<$id, _>(p, (&$crate::check::Of(p)).print())
    }};
}

/// Tells the size and alignment of a type.
pub fn layout<T>(name: &str) {
    tell(format_args!("layout\t{}\t{}\t{}", name, size_of::<T>(), align_of::<T>()));
}

/// Tells where a field of a type lies.
pub fn offset(name: &str, field: &str, at: usize) {
    tell(format_args!("offset\t{}\t{}\t{}", name, field, at));
}

fn tell(what: fmt::Arguments) {
    let mut line = Line::new();
    let _ = line.write_fmt(what);
    line.end();
}

/// A line, which is kept without asking for memory.
pub struct Line {
    text: [u8; 1 << 14],
    n: usize,
}

impl Line {
    fn new() -> Line {
        Line { text: [0; 1 << 14], n: 0 }
    }

    fn end(mut self) {
        unsafe extern "C" {
            fn write(fd: i32, p: *const u8, n: usize) -> isize;
        }
        self.text[self.n] = b'\n';
        let n = self.n + 1;
        if unsafe { write(3, self.text.as_ptr(), n) } != n as isize {
            std::process::abort();
        }
    }
}

impl Write for Line {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        let (b, room) = (s.as_bytes(), self.text.len() - 1 - self.n);
        if b.len() > room {
            return Err(fmt::Error);
        }
        self.text[self.n..][..b.len()].copy_from_slice(b);
        self.n += b.len();
        Ok(())
    }
}
