import { PULL_ROWS } from "./pull-rows.js";
import { testRows } from "./row-tests.js";

testRows("a pull", "pull", PULL_ROWS);
