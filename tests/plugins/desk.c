/* Takes every packet in both directions, and every event, to the desk of the program that loaded it. Only a program
 * that exports desk_handle and desk_call_back can load it. */
#include "desk.h"

#define DESK_HANDLER(TYPE, type)                                                                                       \
    static gmq_verdict on_##type(gmq_call *call, gmq_##type *packet)                                                   \
    {                                                                                                                  \
        return desk_handle(call, GMQ_PACKET(packet), GMQ_##TYPE);                                                      \
    }                                                                                                                  \
    GMQ_HANDLER(TYPE, on_##type)

#define DESK_CALLBACK(EVENT, event)                                                                                    \
    static void at_##event(gmq_call *call)                                                                             \
    {                                                                                                                  \
        desk_call_back(call, GMQ_EVENT_##EVENT);                                                                       \
    }                                                                                                                  \
    GMQ_CALLBACK(EVENT, at_##event)

GMQ_PLUGIN("desk", "1.0.0");
DESK_HANDLER(CONNECT, connect);
DESK_HANDLER(CONNACK, connack);
DESK_HANDLER(PUBLISH, publish);
DESK_HANDLER(PUBACK, puback);
DESK_HANDLER(PUBREC, pubrec);
DESK_HANDLER(PUBREL, pubrel);
DESK_HANDLER(PUBCOMP, pubcomp);
DESK_HANDLER(SUBSCRIBE, subscribe);
DESK_HANDLER(SUBACK, suback);
DESK_HANDLER(UNSUBSCRIBE, unsubscribe);
DESK_HANDLER(UNSUBACK, unsuback);
DESK_HANDLER(PINGREQ, pingreq);
DESK_HANDLER(PINGRESP, pingresp);
DESK_HANDLER(DISCONNECT, disconnect);
DESK_HANDLER(AUTH, auth);
DESK_CALLBACK(OPEN, open);
DESK_CALLBACK(CLOSE, close);
DESK_CALLBACK(SESSION_END, session_end);
DESK_CALLBACK(WORKER_START, worker_start);
DESK_CALLBACK(WORKER_STOP, worker_stop);
