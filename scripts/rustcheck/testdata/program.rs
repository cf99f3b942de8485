struct Pair {
    a: u8,
    b: u32,
}

fn twice(n: i32) -> i32 {
    let r = n + n; // "r" } is
    r
}

fn main() {
    let p = Pair { a: 1, b: 2 };
    let mut s = String::from("he{l}lo");
    s.push_str(", world!");
    let d = twice(21);
    let t = s;
    let b = Box::new(
        7,
    );
    for i in 0..2 {
        let q = &d;
    }
}
