/* SPDX-License-Identifier: Apache-2.0 */
/* The delivery table against RFC 6121 s. 8.5.4, transcribed here as the standard prints it, with the options
 * it leaves, and against our choices. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "route/delivery.h"

#define TYPES (MESSAGE_ERROR + 1)

/* Columns: normal, chat, groupchat, headline as printed; error as s. 8.5.2 and 8.5.3 say in words. '-':
 * cannot be. C: printed A with a star. `chosen`: one letter a column. */
static const struct {
    enum delivery_condition condition;
    enum delivery_address address;
    const char *options[TYPES];
    const char *chosen;
} rows[] = {
    {DELIVERY_NO_ACCOUNT, DELIVERY_BARE, {"S/E", "S/E", "E", "S", "S"}, "SSESS"},
    {DELIVERY_NO_ACCOUNT, DELIVERY_FULL_MATCH, {"-", "-", "-", "-", "-"}, "-----"},
    {DELIVERY_NO_ACCOUNT, DELIVERY_FULL_NO_MATCH, {"S/E", "S/E", "S/E", "S/E", "S"}, "SSSSS"},
    {DELIVERY_NO_RESOURCES, DELIVERY_BARE, {"O/E", "O/E", "E", "S", "S"}, "OOESS"},
    {DELIVERY_NO_RESOURCES, DELIVERY_FULL_MATCH, {"-", "-", "-", "-", "-"}, "-----"},
    {DELIVERY_NO_RESOURCES, DELIVERY_FULL_NO_MATCH, {"S/E", "O/E", "S/E", "S/E", "S"}, "RORRS"},
    {DELIVERY_ONLY_NEGATIVE, DELIVERY_BARE, {"O/E", "O/E", "E", "S", "S"}, "OOESS"},
    {DELIVERY_ONLY_NEGATIVE, DELIVERY_FULL_MATCH, {"D", "D", "D", "D", "D"}, "DDDDD"},
    {DELIVERY_ONLY_NEGATIVE, DELIVERY_FULL_NO_MATCH, {"S/E", "O/E", "S/E", "S/E", "S"}, "RORRS"},
    {DELIVERY_ONE_NON_NEGATIVE,
     DELIVERY_BARE,
     {"M", "M", "E", "M", "S"},
     "MMEMS"}, /* printed D: the only one */
    {DELIVERY_ONE_NON_NEGATIVE, DELIVERY_FULL_MATCH, {"D", "D", "D", "D", "D"}, "DDDDD"},
    {DELIVERY_ONE_NON_NEGATIVE, DELIVERY_FULL_NO_MATCH, {"S/E", "M", "S/E", "S/E", "S"}, "RMRRS"},
    {DELIVERY_SEVERAL_NON_NEGATIVE, DELIVERY_BARE, {"M/A", "M/C", "E", "A", "S"}, "MCEAS"},
    {DELIVERY_SEVERAL_NON_NEGATIVE, DELIVERY_FULL_MATCH, {"D", "D", "D", "D", "D"}, "DDDDD"},
    {DELIVERY_SEVERAL_NON_NEGATIVE, DELIVERY_FULL_NO_MATCH, {"S/E", "M/C", "S/E", "S/E", "S"}, "RCRRS"},
};
#define ROWS (sizeof rows / sizeof *rows)
_Static_assert(ROWS == DELIVERY_CONDITION_COUNT * DELIVERY_ADDRESS_COUNT,
               "a row for every condition and address");

typedef uint8_t table[DELIVERY_CONDITION_COUNT][DELIVERY_ADDRESS_COUNT][TYPES];

static char letter(uint8_t action)
{
    static const char letters[] = {
        [DELIVERY_IMPOSSIBLE] = '-', [DELIVERY_SILENT] = 'S',  [DELIVERY_ERROR] = 'E',
        [DELIVERY_OFFLINE] = 'O',    [DELIVERY_MATCH] = 'D',   [DELIVERY_MOST] = 'M',
        [DELIVERY_ALL] = 'A',        [DELIVERY_REFUSED] = 'R', [DELIVERY_OPTED] = 'C',
    };
    assert_in_range(action, 0, sizeof letters - 1);
    return letters[action];
}

static int differences(const table t)
{
    int count = 0;
    for (size_t i = 0; i < ROWS; i++)
        for (int type = 0; type < TYPES; type++)
            count += letter(t[rows[i].condition][rows[i].address][type]) != rows[i].chosen[type];
    return count;
}

static void test_table_is_as_chosen(void **unused)
{
    (void)unused;
    assert_int_equal(differences(delivery_table), 0);
}

static void test_choices_are_allowed(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ROWS; i++)
        for (int type = 0; type < TYPES; type++)
            if (rows[i].chosen[type] == 'R') /* one of the two, by s. 8.1 */
                assert_string_equal(rows[i].options[type], "S/E");
            else
                assert_non_null(strchr(rows[i].options[type], rows[i].chosen[type]));
}

static void test_every_wrong_cell_is_found(void **unused)
{
    (void)unused;
    int mutants = 0;
    for (size_t i = 0; i < ROWS; i++) {
        for (int type = 0; type < TYPES; type++) {
            for (uint8_t action = 0; action <= DELIVERY_ALL; action++) {
                table t;
                memcpy(t, delivery_table, sizeof t);
                uint8_t *cell = &t[rows[i].condition][rows[i].address][type];
                if (*cell == action)
                    continue;
                *cell = action;
                assert_int_equal(differences(t), 1);
                mutants++;
            }
        }
    }
    assert_int_equal(mutants, 15 * TYPES * DELIVERY_ALL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_is_as_chosen),
        cmocka_unit_test(test_choices_are_allowed),
        cmocka_unit_test(test_every_wrong_cell_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
