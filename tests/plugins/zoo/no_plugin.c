/* A shared object like any other. */
int graftmq_zoo_answer = 42;
