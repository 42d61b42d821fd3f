import { LIST_ROWS } from "./pull-rows.js";
import { testRows } from "./row-tests.js";

testRows("a list of tags", "list", LIST_ROWS);
