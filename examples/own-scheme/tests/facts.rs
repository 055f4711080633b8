//! The facts, by real executions: all tests pass.

use own_scheme::OneWord;

zonelist_core::facts!(one_word: OneWord = OneWord::default());
