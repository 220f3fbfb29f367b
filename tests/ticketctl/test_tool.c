/*
 * Where the tool finds each service's database.
 */

#include "tests/support/support.h"
#include "ticketctl/ticketctl.h"

static void expect_uri(const char *uri, const char *expected)
{
    cleanup(writer_release) struct writer out = {0};

    writer_init(&out);
    tool_write_uri(&out, uri, "auth");
    cr_expect_str_eq(writer_text(&out), expected);
}

Test(tool, each_service_may_have_a_replica_set_of_its_own)
{
    expect_uri("mongodb://h/?replicaSet=rs0", "mongodb://h/?replicaSet=rs0");
    expect_uri("mongodb://mongo-{service}-0,mongo-{service}-1/?replicaSet=rs0",
               "mongodb://mongo-auth-0,mongo-auth-1/?replicaSet=rs0");
    expect_uri("{service}", "auth");
    expect_uri("mongodb://h/?a={servic", "mongodb://h/?a={servic");
}
