// What a build makes a component of: the functions of plugin.js, beside this folder, under the interface's names.

import * as plugin from "../plugin.js";
import * as wire from "./wire.js";

export const filter = { accept: (delivery) => wire.accept(delivery, plugin.filter) };
export const transform = { run: (delivery, request) => wire.run(delivery, request, plugin.transform) };
export const receipt = { judge: (delivery, response) => wire.judge(delivery, response, plugin.receipt) };
