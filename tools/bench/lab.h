/* SPDX-License-Identifier: Apache-2.0 */
/* `muster-bench lab`: becomes the program that plays the laboratory of offloads (packaging/bench/lab.py), with this folder as its build
 * folder. Returns only when that cannot be done: an exit code, after the reason was printed. `argv[0]` is "lab". */
#ifndef MUSTER_BENCH_LAB_H
#define MUSTER_BENCH_LAB_H

int lab_become(int argc, char **argv);

#endif
