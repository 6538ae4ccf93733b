dist_man_MANS += man/fdnet-ctl.1 man/fdnet-events.5
dist_man_MANS += man/fdnet-policy.5 man/fdnet-relay.8
dist_man_MANS += man/fdnet-run.1 man/libfdnet.7
dist_man_MANS += man/fdnet_save.3 man/fdnet_sock.3 man/fdnet_stack.3
