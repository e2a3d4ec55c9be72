//! What happens when the file is in use, of another format, damaged, or cannot be written.

mod damage;
mod disk;
mod failing_disk;
mod lookups;
