dist_man_MANS += man/fdnet-run.1
