//! standin-emulator.
