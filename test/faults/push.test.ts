import { PUSH_ROWS } from "./push-rows.js";
import { testRows } from "./row-tests.js";

testRows("a push", "push", PUSH_ROWS);
